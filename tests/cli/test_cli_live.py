"""`pi5 live`: a day reported and checked by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_engine.events import EngineStarted, OrderFilled, OrderIntent
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

NOON_NS = 1_772_452_800_000_000_000  # 2026-03-02


def write_journal(home: Path) -> None:
    """A fill of a strategy that never started: no backtest has it."""
    intent = OrderIntent(
        client_order_id="ghost-1", symbol="X", side="buy", order_type="market", quantity=Decimal(2), strategy="ghost"
    )
    fill = OrderFilled(client_order_id="ghost-1", fill_id="1", quantity=Decimal(2), price=Decimal("10.5"))
    with Journal(home / "journal" / "live.sqlite", wall_ns=lambda: NOON_NS) as journal:
        journal.append([EngineStarted(program="p", restored_seq=0), intent, fill]).result()


def test_a_trade_that_no_backtest_has_ends_the_check_with_1(
    home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    write_journal(home)
    told = pi5("live", "check", "--day", "2026-03-02")
    assert told.exit_code == 1
    assert "1 difference, together 21 in cash" in told.stdout
    assert "only live: ghost on X: live buy 2 at 10.5, fee 0; backtester none" in told.stdout.replace("\n", " ")
    found = pi5("live", "check", "--day", "2026-03-02", "--json")
    assert found.exit_code == 1
    assert '"kind": "only live"' in found.stdout
    report = document("live", "report", "--day", "2026-03-02", "--json")
    assert (report["fills"], report["differences"]) == (1, 1)
    assert "ghost-1" in Path(report["page"]).read_text(encoding="utf-8")
    assert Path(report["json"]).exists()


def test_without_an_engine_both_say_that_nothing_happened(home: Path, pi5: Callable[..., Result]) -> None:
    told = pi5("live", "check")
    assert (told.exit_code, "no strategy traded" in told.stdout) == (0, True)
    told = pi5("live", "report", "--day", "2026-03-02")
    assert told.exit_code == 0
    assert (home / "reports" / "trading" / "2026-03-02.html").exists()


def test_a_journal_that_is_none_is_one_clear_line(home: Path, pi5: Callable[..., Result]) -> None:
    path = home / "journal" / "live.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no journal" * 1_000)
    told = pi5("live", "report")
    assert told.exit_code == 1
    assert told.stderr.startswith(f"error: {path}: ")
    assert told.stderr.count("\n") == 1
    assert not (home / "reports").exists()
