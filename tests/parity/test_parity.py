"""Our engine against three others: the same rules on the same real prices end with the same money and trades."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pi5_pipelines.backtest.bars import COLUMNS, Bars
from pi5_pipelines.backtest.run import run_backtest

if TYPE_CHECKING:
    from collections.abc import Callable

    Cells = Callable[[str], list[Any]]  # as conftest.py defines them, which pytest loads by itself
    Answers = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("parity")]

PEERS = ("backtesting", "backtrader", "vectorbt")
GROUPS = (("GOOG", "sma_cross"), ("GOOG", "donchian_breakout"), ("EURUSD", "sma_cross"))
RELATIVE = 1e-9
ROOT = Path(__file__).resolve().parents[2]


def differences(
    group: list[Any], theirs: dict[str, Any], bars: Callable[[str], Bars], more_fee_bps: float = 0.0
) -> dict[str, str]:
    """Cells that end otherwise than the peer's, and how."""
    found = {}
    for cell in group:
        document = run_backtest(cell.spec(more_fee_bps), [bars(cell.symbol)]).document
        ours, peer = document["equity_final"], theirs[cell.id]["equity_final"]
        trades = document["trades"], theirs[cell.id]["trades"]
        if abs(ours / peer - 1.0) > RELATIVE or trades[0] != trades[1]:
            found[cell.id] = f"equity {ours!r} against {peer!r}, trades {trades[0]} against {trades[1]}"
    return found


@pytest.mark.parametrize("long_only", [True, False], ids=["long-only", "long-and-short"])
@pytest.mark.parametrize(("symbol", "strategy"), GROUPS)
@pytest.mark.parametrize("peer", PEERS)
def test_equity_and_trades_equal_the_peers(
    peer: str,
    symbol: str,
    strategy: str,
    long_only: bool,  # noqa: FBT001 - pytest passes it by name
    answers: Answers,
    cells: Cells,
    bars: Callable[[str], Bars],
) -> None:
    theirs = answers[peer]["cells"]
    group = [
        cell
        for cell in cells(peer)
        if (cell.symbol, cell.strategy, cell.long_only, cell.closing_bar) == (symbol, strategy, long_only, True)
    ]
    assert len(group) >= 8
    assert len({theirs[cell.id]["equity_final"] for cell in group}) == len(group)  # every rule makes a difference
    assert all(theirs[cell.id]["trades"] > 30 for cell in group)
    assert differences(group, theirs, bars) == {}


@pytest.mark.parametrize("peer", PEERS)
def test_a_hundredth_of_a_basis_point_would_be_seen(
    peer: str, answers: Answers, cells: Cells, bars: Callable[[str], Bars]
) -> None:
    group = [cell for cell in cells(peer) if cell.fee and not cell.slippage and cell.closing_bar]
    assert len(differences(group, answers[peer]["cells"], bars, more_fee_bps=0.01)) == len(group)


def test_without_a_closing_bar_backtesting_py_settles_the_last_trade_one_close_earlier(
    answers: Answers, cells: Cells, bars: Callable[[str], Bars]
) -> None:
    group = [cell for cell in cells("backtesting") if not cell.closing_bar]
    theirs = answers["backtesting"]["cells"]

    def shortened(symbol: str) -> Bars:
        whole = bars(symbol)
        return replace(whole, **{name: getattr(whole, name)[:-1] for name in ("ts_us", *COLUMNS)})

    assert len(group) == 2
    assert differences(group, theirs, shortened) == {}
    assert len(differences(group, theirs, bars)) == len(group)


@pytest.mark.parametrize(("symbol", "decimals"), [("GOOG", 2), ("EURUSD", 5)])
def test_no_bar_has_equal_averages_where_rounding_would_decide(
    symbol: str, decimals: int, bars: Callable[[str], Bars]
) -> None:
    ticks = np.round(bars(symbol).close * 10**decimals).astype(np.int64)
    assert np.abs(ticks / 10**decimals - bars(symbol).close).max() < 1e-9
    quick, lazy = (np.convolve(ticks, np.ones(n, dtype=np.int64), "valid") for n in (10, 30))
    assert not (3 * quick[20:] == lazy).any()


def test_the_peers_are_the_pinned_versions(answers: Answers) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pinned = dict(line.replace("[rust]", "").split("==") for line in groups["parity"])
    assert {peer: answers[peer]["version"] for peer in PEERS} == pinned
