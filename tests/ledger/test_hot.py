"""TimescaleDB's ledger is the lake's, row by row, wherever its transactions end and whatever was done to either."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from live_engine.events import OrderDenied, OrderIntent
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from pi5_pipelines.errors import LedgerError, TimescaleError
from pi5_pipelines.ledger import hot
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.hot_tables import TABLES
from pi5_pipelines.ledger.offset import DAILY, FILLS
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.settings import load_settings
from tests.ledger.content import hot_content
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pi5_pipelines.settings import Settings

SEED = 7


@pytest.fixture
def connection(migrated_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated_dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def both(home: Path, migrated_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a hot tier."""
    del home
    return configured(monkeypatch, migrated_dsn)


def configured(monkeypatch: pytest.MonkeyPatch, dsn: str) -> Settings:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", dsn)
    return load_settings()


def epoch_of(settings: Settings) -> str:
    with JournalReader(journal_file(settings)) as reader:
        return reader.epoch()


@pytest.mark.usefixtures("home")
def test_every_row_is_the_lakes_on_either_edition(any_migrated_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(monkeypatch, any_migrated_dsn)
    last = write(journal_file(settings), SEED, 60)
    consume(settings)
    done = hot.follow(settings)
    assert (done.journal, done.from_seq, done.to_seq) == (epoch_of(settings), 0, last)
    assert done.rows[FILLS] > 60
    assert done.rows[DAILY] > 10
    assert hot.differing(settings) == []
    again = hot.follow(settings)
    assert (again.from_seq, again.to_seq, sum(again.rows.values())) == (last, last, 0)


def test_where_transactions_end_changes_no_row(
    both: Settings, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "STRETCH_EVENTS", 53)
    last = write(journal_file(both), SEED, 60)
    consume(both, to_seq=last // 3)
    hot.follow(both, batch_events=29)
    consume(both)
    hot.follow(both, batch_events=41)
    assert hot.differing(both) == []
    pieces = hot_content(connection)
    connection.execute("SELECT ledger_forget(journal) FROM ledger_offsets")
    assert set(hot_content(connection).values()) == {(0, "")}
    hot.follow(both)
    assert hot_content(connection) == pieces


def test_a_place_that_was_set_back_or_taken_away_doubles_nothing(
    both: Settings, connection: psycopg.Connection
) -> None:
    write(journal_file(both), SEED, 15)
    consume(both)
    hot.follow(both)
    before = hot_content(connection)
    for lost in ("UPDATE ledger_offsets SET seq = 10", "DELETE FROM ledger_offsets"):
        connection.execute(lost.encode())
        hot.follow(both)
        assert hot_content(connection) == before
        assert hot.differing(both) == []


def test_a_lake_that_was_set_back_is_waited_for(both: Settings, tmp_path: Path) -> None:
    last = write(journal_file(both), SEED, 40)
    consume(both, to_seq=last // 2)
    shutil.copytree(both.folder("lake"), tmp_path / "older")
    consume(both)
    hot.follow(both)
    shutil.rmtree(both.folder("lake"))
    shutil.copytree(tmp_path / "older", both.folder("lake"))
    assert sum(hot.follow(both).rows.values()) == 0
    consume(both)
    assert sum(hot.follow(both).rows.values()) == 0
    assert hot.differing(both) == []


def test_another_history_of_the_journal_is_refused_until_the_first_is_forgotten(
    both: Settings, connection: psycopg.Connection, tmp_path: Path
) -> None:
    path, lake = journal_file(both), both.folder("lake")
    write(path, SEED, 10)
    shutil.copy(path, tmp_path / "older")
    write(path, SEED, 10, start=10)
    consume(both)
    hot.follow(both)
    shutil.copy(tmp_path / "older", path)  # a home that was restored whole, beside a database that was not
    shutil.rmtree(lake)
    consume(both)
    forget = f"SELECT ledger_forget('{epoch_of(both)}')"
    with pytest.raises(LedgerError, match="but the ledger has taken in") as refused:
        hot.follow(both)
    assert forget in refused.value.hint
    write(path, SEED + 1, 40, start=50)
    consume(both)
    with pytest.raises(LedgerError, match="is not the one"):
        hot.follow(both)
    assert hot.differing(both) != []
    connection.execute(forget.encode())
    hot.follow(both)
    assert hot.differing(both) == []


def test_journals_lie_beside_each_other_and_an_earlier_one_is_completed(both: Settings) -> None:
    path = journal_file(both)
    last = write(path, SEED, 20)
    consume(both, to_seq=last // 2)
    hot.follow(both)
    consume(both)
    first = epoch_of(both)
    shutil.rmtree(path.parent)
    write(path, SEED + 1, 20)
    consume(both)
    done = hot.follow(both)
    assert done.journal == epoch_of(both) != first
    assert hot.differing(both) == []
    assert sum(hot.follow(both).rows.values()) == 0


def test_a_text_that_postgresql_cannot_hold_is_replaced(both: Settings, connection: psycopg.Connection) -> None:
    with Journal(journal_file(both)) as journal:
        intent = OrderIntent(client_order_id="a", symbol="ACME", side="buy", order_type="market", quantity=Decimal(1))
        journal.append([intent, OrderDenied(client_order_id="a", rule="price", reason="too\0far")]).result()
    consume(both)
    hot.follow(both)
    assert connection.execute("SELECT status, reason FROM ledger_orders").fetchone() == ("Rejected", "too\ufffdfar")
    assert hot.differing(both) == []


def test_a_row_that_is_changed_lacking_or_too_much_is_named(both: Settings, connection: psycopg.Connection) -> None:
    write(journal_file(both), SEED, 20)
    consume(both)
    hot.follow(both)
    connection.execute("UPDATE ledger_cash SET amount = amount + 1 WHERE strategy = 'sma_cross' AND currency = 'USD'")
    connection.execute("DELETE FROM ledger_fills WHERE ctid = (SELECT min(ctid) FROM ledger_fills)")
    mine, theirs, fill = hot.differing(both)
    assert mine == f"ledger_cash {epoch_of(both)} sma_cross USD: only in the lake"
    assert theirs == f"ledger_cash {epoch_of(both)} sma_cross USD: only in TimescaleDB, or not so in the lake"
    assert fill.startswith(f"ledger_fills {epoch_of(both)} o-{SEED}-")
    assert fill.endswith(": only in the lake")


def test_tables_that_are_behind_are_told_so(both: Settings) -> None:
    last = write(journal_file(both), SEED, 10)
    consume(both)
    assert hot.differing(both) == [f"ledger_offsets stands at event 0, the lake at {last}: the job `ledger` brings it"]


@pytest.mark.usefixtures("home")
def test_a_database_without_the_tables_is_told_how_to_get_them(
    apache_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(monkeypatch, apache_dsn)
    write(journal_file(settings), SEED, 5)
    consume(settings)
    with pytest.raises(TimescaleError, match="run `pi5 db migrate`"):
        hot.follow(settings)


def test_two_that_follow_at_once_bring_each_row_once(both: Settings) -> None:
    from concurrent.futures import ThreadPoolExecutor

    write(journal_file(both), SEED, 60)
    consume(both)
    with ThreadPoolExecutor(3) as threads:
        done = [one.result() for one in [threads.submit(hot.follow, both, batch_events=20) for _ in range(3)]]
    assert hot.differing(both) == []
    fills = sum(one.rows[FILLS] for one in done)
    assert set(TABLES) == set(done[0].rows)
    with psycopg.connect(both.timescale.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM ledger_fills").fetchone() == (fills,)
