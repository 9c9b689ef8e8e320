"""The ledger takes in every event once, balances, and is what the engine itself folds."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import DeltaTable

from live_engine.events import HealthChanged, OrderFilled, OrderIntent
from live_engine.journal import consumers, snapshot
from live_engine.journal.export import export
from live_engine.journal.reader import JournalReader
from live_engine.journal.retention import remove
from live_engine.journal.writer import Journal
from pi5_pipelines.errors import LakeDamagedError, LedgerError
from pi5_pipelines.lake import durability
from pi5_pipelines.lake.compaction import compact
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import audit
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import POSTINGS, TABLES, offset_of, seq_id
from pi5_pipelines.ledger.source import journal_file
from tests.ledger.content import content
from tests.ledger.trading import DAY_NS, START_NS, write

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings

SEED = 7


def epoch_of(settings: Settings) -> str:
    with JournalReader(journal_file(settings)) as reader:
        return reader.epoch()


def root_of(settings: Settings) -> Path:
    return settings.folder("lake")


@pytest.mark.parametrize("batch_events", [101, 10_000])
def test_the_ledger_is_the_engines_own_state_and_balances(settings: Settings, batch_events: int) -> None:
    last = write(journal_file(settings), SEED, 60)
    report = consume(settings, batch_events=batch_events)
    assert (report.from_seq, report.to_seq, report.unmoved) == (0, last, "")
    assert report.rows["ledger_fills"] > 60
    assert audit.differing(settings) == (last, [])
    assert audit.unbalanced(Lake(root_of(settings)), epoch_of(settings)) == []


@pytest.mark.slow
def test_where_batches_and_runs_end_changes_no_row(settings: Settings) -> None:
    last = write(journal_file(settings), SEED, 40)
    consume(settings)
    whole = content(root_of(settings), epoch_of(settings))
    shutil.rmtree(root_of(settings))
    for end in range(0, last + 61, 61):
        consume(settings, to_seq=end, batch_events=23)
    consume(settings)
    assert content(root_of(settings), epoch_of(settings)) == whole
    assert {seq for seq, _, _ in whole.values()} == {last}


def test_nothing_new_writes_nothing(settings: Settings) -> None:
    write(journal_file(settings), SEED, 5)
    consume(settings)
    versions = {table: Lake(root_of(settings)).version(table) for table in TABLES}
    assert sum(consume(settings).rows.values()) == 0
    assert {table: Lake(root_of(settings)).version(table) for table in TABLES} == versions


def test_the_offset_is_in_the_commit_and_outlives_compaction_and_its_checkpoint(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi5_pipelines.lake.compaction.VERSIONS_PER_CHECKPOINT", 1)
    last = write(journal_file(settings), SEED, 20)
    consume(settings, batch_events=80)
    lake, epoch = Lake(root_of(settings)), epoch_of(settings)
    before = content(lake.root, epoch)
    for table in TABLES:
        compact(lake, table)
        assert DeltaTable(lake.root / table).transaction_version(seq_id(epoch)) == last
    assert content(lake.root, epoch) == before
    write(journal_file(settings), SEED, 20, start=20)
    consume(settings)
    assert audit.differing(settings)[1] == []


def test_a_commit_that_was_not_flushed_does_not_count_and_is_taken_up_again(settings: Settings) -> None:
    last = write(journal_file(settings), SEED, 20)
    consume(settings)
    epoch, root = epoch_of(settings), root_of(settings)
    whole = content(root, epoch)
    version = Lake(root).version(POSTINGS)
    assert version is not None
    durability.marker(root, POSTINGS).unlink()
    entry = durability.log_entry(root / POSTINGS, version)
    entry.write_bytes(entry.read_bytes()[:200])  # a power cut tore it
    assert offset_of(root, POSTINGS, epoch).seq == 0
    shutil.rmtree(root / "ledger_positions")
    for table in ("ledger_cash", "ledger_daily"):
        shutil.rmtree(root / table)
    for table in ("ledger_positions", "ledger_cash", "ledger_daily"):
        durability.marker(root, table).unlink()
    consume(settings)
    assert content(root, epoch) == whole
    assert offset_of(root, POSTINGS, epoch).seq == last


def test_another_journal_under_the_path_begins_anew_beside_the_first(settings: Settings) -> None:
    write(journal_file(settings), SEED, 10)
    consume(settings)
    first = epoch_of(settings)
    shutil.rmtree(journal_file(settings).parent)
    write(journal_file(settings), SEED + 1, 10)
    with pytest.raises(LedgerError, match="was to be read"):
        consume(settings, journal=first, to_seq=5)
    consume(settings)
    second = epoch_of(settings)
    assert set(Lake(root_of(settings)).read("ledger_positions")["journal"]) == {first, second}
    assert audit.differing(settings)[1] == []


def test_an_older_copy_of_the_journal_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = journal_file(settings)
    write(path, SEED, 10)
    shutil.copy(path, tmp_path / "older")
    write(path, SEED, 10, start=10)
    consume(settings)
    shutil.copy(tmp_path / "older", path)
    with pytest.raises(LedgerError, match="but the ledger has taken in"):
        consume(settings)
    write(path, SEED + 1, 40, start=50)
    with pytest.raises(LedgerError, match="is not the one that the ledger has taken in"):
        consume(settings)


def test_retention_waits_for_the_ledger_and_what_it_took_is_read_from_the_export(settings: Settings) -> None:
    path, exports = journal_file(settings), settings.folder("exports") / "journal"
    last = write(path, SEED, 60)
    now_ns = START_NS + 10_000 * DAY_NS
    export(path, exports, now_ns=now_ns)
    consume(settings, to_seq=last // 2)
    with Journal(path) as journal:
        journal.run(lambda connection: snapshot.store(connection, last, b"")).result()
        remove(journal, keep_days=0, now_ns=now_ns)
    with JournalReader(path) as reader:
        assert 1 < reader.first_seq() <= last // 2 + 1
        assert reader.consumers() == {"ledger": last // 2}
    shutil.rmtree(root_of(settings))  # as if an older backup of the lake alone had been restored
    consume(settings)
    assert audit.differing(settings) == (last, [])


def test_events_that_nobody_has_any_more_are_named(settings: Settings) -> None:
    path = journal_file(settings)
    last = write(path, SEED, 30)
    with Journal(path) as journal:
        journal.run(lambda connection: connection.execute("DELETE FROM events WHERE seq < 50")).result()
    with pytest.raises(LedgerError, match="event 1 is missing among the exported days"):
        consume(settings)
    assert last > 50


def test_a_journal_that_cannot_be_told_the_place_costs_no_event(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = write(journal_file(settings), SEED, 5)
    monkeypatch.setattr("live_engine.journal.connection.BUSY_TIMEOUT_S", 0.01)
    with Journal(journal_file(settings)) as journal:
        held = journal.run(lambda _: consume(settings))  # the writer holds SQLite's write lock meanwhile
        report = held.result()
    assert report.to_seq == last
    assert "held by another program" in report.unmoved
    assert consume(settings).unmoved == ""
    with JournalReader(journal_file(settings)) as reader:
        assert reader.consumers() == {"ledger": last}


def test_a_posting_that_is_lost_and_a_position_that_is_wrong_are_found(settings: Settings) -> None:
    write(journal_file(settings), SEED, 10)
    consume(settings)
    lake = Lake(root_of(settings))
    rows = lake.read(POSTINGS)
    lost = rows.filter(pl.col("account") == "cost").row(0, named=True)
    lake.replace(POSTINGS, rows.filter((pl.col("seq") != lost["seq"]) | (pl.col("line") != lost["line"])))
    (found,) = audit.unbalanced(lake, epoch_of(settings))
    assert found.startswith(f"event {lost['seq']}: {lost['unit']} is off by")
    positions = lake.read("ledger_positions")
    lake.replace("ledger_positions", positions.with_columns(quantity=pl.lit("1")))
    assert any("position" in line for line in audit.differing(settings)[1])


def test_a_short_that_turns_long_is_posted_as_by_hand(settings: Settings) -> None:
    ten, usd = Decimal(10), {"symbol": "ACME", "order_type": "market"}
    with Journal(journal_file(settings)) as journal:
        journal.append([OrderIntent(client_order_id="s", side="sell", quantity=ten, **usd)])  # type: ignore[arg-type]
        journal.append([OrderFilled(client_order_id="s", fill_id="1", quantity=ten, price=Decimal(5), fee=Decimal(1))])
        journal.append([OrderIntent(client_order_id="b", side="buy", quantity=ten * 3, **usd)])  # type: ignore[arg-type]
        journal.append([OrderFilled(client_order_id="b", fill_id="1", quantity=ten * 3, price=Decimal(4))])
        journal.append([HealthChanged()]).result()
    consume(settings)
    lake = Lake(root_of(settings))
    lines = [(row[0], row[1], row[2]) for row in lake.read(POSTINGS).select("account", "unit", "amount").rows()]
    assert lines == [
        ("units", "ACME", "-10"),
        ("market", "ACME", "10"),
        ("cash", "USD", "50"),
        ("cost", "USD", "-50"),
        ("fees", "USD", "1"),
        ("cash", "USD", "-1"),
        ("units", "ACME", "30"),
        ("market", "ACME", "-30"),
        ("cash", "USD", "-120"),
        ("cost", "USD", "130"),
        ("realised", "USD", "-10"),
    ]
    (day,) = lake.read("ledger_daily").select("fills", "bought", "sold", "realised", "fees", "net").rows()
    assert day == (2, "120", "50", "10", "1", "9")


def test_only_what_is_committed_moves_the_place(settings: Settings) -> None:
    last = write(journal_file(settings), SEED, 5)
    consumers.move(journal_file(settings), "other", 3, now_ns=1)
    consume(settings, to_seq=10)
    with JournalReader(journal_file(settings)) as reader:
        assert reader.consumers() == {"ledger": 10, "other": 3}
    assert last > 10


def test_a_torn_file_of_the_lake_is_one_clear_line(settings: Settings) -> None:
    write(journal_file(settings), SEED, 5)
    consume(settings)
    file = next(path for path, _ in Lake(root_of(settings)).files("ledger_orders"))
    file.write_bytes(file.read_bytes()[:100])
    write(journal_file(settings), SEED, 5, start=5)
    with pytest.raises(LakeDamagedError, match="lake table ledger_orders: a data file cannot be read"):
        consume(settings)
