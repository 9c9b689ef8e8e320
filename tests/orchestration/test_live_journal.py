"""From the engine's journal into Dagster: what a tick asks for, says and observes, and what its run leaves behind."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
import pytest

from live_engine.events import HealthChanged, KillSwitchRearmed, KillSwitchSet, StreamGap
from live_engine.journal import schema
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from pi5_pipelines.automation import journal as sensor
from pi5_pipelines.automation.kill_switch import kill_switch_alert
from pi5_pipelines.definitions import defs
from pi5_pipelines.errors import LedgerError
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import asking
from pi5_pipelines.ledger.asking import Cursor, Tries, ask
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.resources.home import Home
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.orchestration.receiver import Receiver

NOW_S = 1_800_000_000.0
TICK_S = 5.0


@pytest.fixture
def path(home: Path) -> Path:
    return home / "journal" / "live.sqlite"


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Callable[..., dg.SensorResult]:
    """Evaluate the sensor once with a cursor."""

    def look(cursor: str | None = None) -> dg.SensorResult:
        result = sensor.live_journal(dg.build_sensor_context(instance=instance, cursor=cursor), home=Home())
        assert isinstance(result, dg.SensorResult), result
        return result

    return look


def said(instance: dg.DagsterInstance) -> str:
    """What a tick says that cannot look."""
    result = sensor.live_journal(dg.build_sensor_context(instance=instance), home=Home())
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def told(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    result = kill_switch_alert(dg.build_sensor_context(instance=instance, cursor=cursor), home=Home())
    assert isinstance(result, dg.SensorResult), result
    return result


def config_of(result: dg.SensorResult) -> Mapping[str, Any]:
    (request,) = result.run_requests or ()
    found: Mapping[str, Any] = request.run_config
    return found


def test_a_tick_asks_for_a_run_whose_ledger_balances_and_the_next_tick_for_none(
    home: Path,
    path: Path,
    tick: Callable[..., dg.SensorResult],
    instance: dg.DagsterInstance,
    run: Callable[..., dg.ExecuteInProcessResult],
) -> None:
    last = write(path, 3, 20)
    first = tick()
    (request,) = first.run_requests or ()
    with JournalReader(path) as reader:
        assert request.run_key == f"{reader.epoch()}:1-{last}:0"
        epoch = reader.epoch()
    done = run("ledger", run_config=request.run_config, tags=request.tags)
    assert done.success
    assert committed(home / "lake", epoch) == last
    made = {one.asset_key.to_user_string() for one in done.asset_materializations_for_node("ledger_tables")}
    assert made == set(Lake(home / "lake").names())
    (check,) = done.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("balanced", True)
    again = tick(first.cursor)
    assert not again.run_requests
    assert again.skip_reason is not None
    assert "the ledger has all" in str(again.skip_reason)
    audited = run("ledger_audit")
    (check,) = audited.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("audit", True)
    assert instance.get_latest_materialization_event(dg.AssetKey("ledger_daily"))


def test_a_failed_run_is_tried_again_under_another_key_and_ever_more_seldom(
    path: Path,
    tick: Callable[..., dg.SensorResult],
    run: Callable[..., dg.ExecuteInProcessResult],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(path, 3, 5)
    first = tick()
    (request,) = first.run_requests or ()
    (home / "lake").mkdir()
    (home / "lake" / "ledger_orders").touch()  # a file where the table's folder should be
    assert not run("ledger", run_config=request.run_config, tags=request.tags).success
    now_s = time.time()
    monkeypatch.setattr(sensor, "clock", lambda: now_s + asking.GRACE_S)
    assert "the last run failed; the next is tried in" in str(tick(first.cursor).skip_reason)
    monkeypatch.setattr(sensor, "clock", lambda: now_s + asking.EVERY_S + 1)
    (request,) = tick(first.cursor).run_requests or ()
    assert (request.run_key or "").endswith(":1")


def test_a_cursor_that_is_lost_and_runs_that_are_deleted_change_nothing(
    path: Path,
    tick: Callable[..., dg.SensorResult],
    run: Callable[..., dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance,
) -> None:
    last = write(path, 3, 5)
    done = run("ledger")
    assert done.success
    instance.delete_run(done.run_id)
    for cursor in (None, "", "17", json.dumps({"journal": "another", "seen_seq": 10**9}), '{"unknown": 1}'):
        result = tick(cursor)
        assert not result.run_requests
        assert not result.asset_events
        assert json.loads(result.cursor or "")["seen_seq"] == last


def test_health_gaps_and_the_kill_switch_are_observed_without_a_run(
    path: Path, tick: Callable[..., dg.SensorResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "OBSERVED_AT_ONCE", 2)
    with Journal(path) as journal:
        journal.append(
            [HealthChanged(reasons=("stream: silent",)), StreamGap(stream="s", symbol="A", from_ns=1, to_ns=2)]
        )
        journal.append([KillSwitchSet(action="halt", actor="ann", reason="enough")]).result()
    first = tick()
    observed = [one for one in first.asset_events if isinstance(one, dg.AssetObservation)]
    assert [one.description for one in observed] == ["HealthChanged", "StreamGap"]
    assert config_of(first)["ops"]["ledger_tables"]["config"]["to_seq"] == 2  # no run goes past what was looked at
    second = tick(first.cursor)
    (halt,) = second.asset_events
    assert isinstance(halt, dg.AssetObservation)
    assert halt.metadata["actor"].value == "ann"


def test_what_cannot_be_read_is_one_line_and_the_engine_goes_on(
    path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no journal" in said(instance)
    write(path, 3, 5)
    whole = path.read_bytes()
    monkeypatch.setattr("live_engine.journal.connection.BUSY_TIMEOUT_S", 0.05)
    with sqlite3.connect(path) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        assert "held by another program" in said(instance)
        holder.execute("ROLLBACK")
    holder.close()
    path.write_bytes(whole[:3_000])
    with pytest.raises(LedgerError, match="damaged"):
        said(instance)
    path.write_bytes(whole)
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    newer.close()
    with pytest.raises(LedgerError, match="its schema has version"):
        said(instance)


def test_a_ledger_that_is_not_the_engines_state_fails_its_checks(
    home: Path, path: Path, run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    write(path, 3, 5)
    assert run("ledger").success
    lake = Lake(home / "lake")
    lake.replace("ledger_cash", lake.read("ledger_cash").with_columns(amount=pl.lit("1")))
    (balanced,) = run("ledger").get_asset_check_evaluations()
    assert "cost and cash are not what was earned" in (balanced.description or "")
    (audit,) = run("ledger_audit").get_asset_check_evaluations()
    assert not balanced.passed
    assert not audit.passed
    assert "in the engine's fold" in (audit.description or "")


def test_a_tick_as_the_daemon_takes_it_is_whole(path: Path, instance: dg.DagsterInstance) -> None:
    write(path, 3, 5)
    context = dg.build_sensor_context(instance=instance, definitions=defs, resources={"home": Home()})
    found = sensor.live_journal.evaluate_tick(context)
    assert [request.job_name or "ledger" for request in found.run_requests or ()] == ["ledger"]
    assert {event.asset_key.to_user_string() for event in found.asset_events} == {"live_engine", "live_journal"}
    assert json.loads(found.cursor or "")["asked_seq"] > 0


def test_the_engine_writes_on_while_the_sensor_looks(path: Path, tick: Callable[..., dg.SensorResult]) -> None:
    with Journal(path) as journal:
        for number in range(20):
            journal.append([HealthChanged(reasons=(str(number),))]).result()
            started = time.perf_counter()
            assert json.loads(tick().cursor or "")["seen_seq"] == journal.last_seq
            assert time.perf_counter() - started < TICK_S
        assert journal.failed is None


def test_days_of_downtime_are_caught_up_one_bounded_run_after_the_other() -> None:
    cursor, done, runs = Cursor("e"), 0, []
    last = 3 * asking.RANGE_EVENTS + 5
    while isinstance(wanted := ask(cursor, last, done, Tries(), NOW_S), asking.Range):
        runs.append((wanted.first_seq, wanted.last_seq))
        busy = ask(Cursor("e", wanted.last_seq, NOW_S), last, done, Tries(unfinished="r"), NOW_S)
        assert isinstance(busy, str)
        done = wanted.last_seq
        cursor = Cursor("e", done, NOW_S)
    assert [end for _, end in runs] == [100_000, 200_000, 300_000]
    assert wanted == "5 events wait for the next run in 300 s"
    assert isinstance(ask(cursor, last, done, Tries(), NOW_S + asking.EVERY_S), asking.Range)


def test_a_run_that_was_asked_for_and_never_came_is_asked_for_again() -> None:
    cursor = Cursor("e", 500, NOW_S)
    assert isinstance(ask(cursor, 500, 100, Tries(), NOW_S + 1), str)
    assert ask(cursor, 500, 100, Tries(), NOW_S + asking.EVERY_S) == asking.Range("e", 101, 500, 0)


def test_a_fill_waits_for_no_other_events() -> None:
    cursor = Cursor("e", 100, NOW_S)
    assert isinstance(ask(cursor, 110, 100, Tries(), NOW_S + 31), str)
    assert isinstance(ask(cursor, 110, 100, Tries(), NOW_S + 29, has_fills=True), str)
    assert ask(cursor, 110, 100, Tries(), NOW_S + 31, has_fills=True) == asking.Range("e", 101, 110, 0)
    assert isinstance(ask(cursor, 110, 100, Tries(unfinished="r"), NOW_S + 31, has_fills=True), str)


def test_a_thrown_kill_switch_is_told_once(
    path: Path, home: Path, instance: dg.DagsterInstance, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = home / "secrets" / "alerts"
    addresses.parent.mkdir()
    addresses.touch(mode=0o600)
    addresses.write_text(receiver.address)
    monkeypatch.setenv("PI5_ALERTS_ADDRESSES_FILE", str(addresses))
    with Journal(path) as journal:
        journal.append(
            [KillSwitchSet(action="halt", actor="ann", reason="old"), KillSwitchRearmed(actor="ann")]
        ).result()
        cursor = told(instance, None).cursor
        assert receiver.messages == []  # it is not on, and nobody looked before
        journal.append([KillSwitchSet(action="flatten", actor="bob", reason="enough")]).result()
        for _ in range(2):
            cursor = told(instance, cursor).cursor
        (message,) = receiver.messages
        assert message["message"] == "flatten by bob: enough"
        journal.append([KillSwitchRearmed(actor="bob")]).result()
        addresses.write_text("json://127.0.0.1:9/")  # nobody listens there
        refused = kill_switch_alert(dg.build_sensor_context(instance=instance, cursor=cursor), home=Home())
        assert isinstance(refused, dg.SkipReason)  # it leaves the cursor where it was
        assert "did not take the alert" in (refused.skip_message or "")


def test_the_code_location_loads_as_the_daemon_loads_it() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_graph_shows_the_way_from_the_engine_to_the_ledger() -> None:
    graph = defs.resolve_asset_graph()
    engine, journal = dg.AssetKey("live_engine"), dg.AssetKey("live_journal")
    assert graph.get(journal).parent_keys == {engine}
    children = {key.to_user_string() for key in graph.get(journal).child_keys}
    tables = {f"ledger_{name}" for name in ("orders", "fills", "postings", "positions", "cash", "daily")}
    assert children == {*tables, "replay_check", "trading_report"}
    assert dg.AssetKey("ledger_fills") in graph.get(dg.AssetKey("trading_report")).parent_keys
    assert not graph.get(journal).is_materializable
    assert all(graph.get(dg.AssetKey(name)).freshness_policy for name in ("live_journal", *tables))
