"""TimescaleDB's ledger in Dagster: brought by the same run, missed without harm, asked for again by the sensor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.assets import names
from pi5_pipelines.assets.ledger import hot_ledger, ledger
from pi5_pipelines.automation import journal as sensor
from pi5_pipelines.checks.ledger import check_hot_ledger
from pi5_pipelines.ledger import asking
from pi5_pipelines.ledger.asking import Cursor, Tries, ask
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.resources.home import Home
from tests.ledger.trading import write

ROOT = Path(__file__).parents[2]
NOW_S = 1_800_000_000.0


@pytest.fixture
def path(home: Path) -> Path:
    return home / "journal" / "live.sqlite"


def brought(instance: dg.DagsterInstance) -> tuple[bool, str]:
    """A run of both stores' ledgers, which succeeds; what the check on TimescaleDB's says."""
    done = dg.materialize([ledger, hot_ledger], resources={"home": Home()}, instance=instance)
    assert done.success
    (check,) = done.get_asset_check_evaluations()
    return check.passed, check.description or ""


def asked(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    result = sensor.live_journal(dg.build_sensor_context(instance=instance, cursor=cursor), home=Home())
    assert isinstance(result, dg.SensorResult)
    return result


def test_without_the_server_the_lake_goes_on_and_the_sensor_asks_until_both_are_equal(
    path: Path,
    home: Path,
    instance: dg.DagsterInstance,
    migrated_dsn: str,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "HAS_HOT_TIER", True)
    monkeypatch.setattr("pi5_pipelines.timescale.connection.RETRIES", 1)
    now_s = [NOW_S]
    monkeypatch.setattr(sensor, "clock", lambda: now_s[0])
    last = write(path, 3, 20)
    first = asked(instance, None)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", f"postgresql://pi5@127.0.0.1:{free_port}/pi5")
    good, why = brought(instance)
    assert not good
    assert "is the server up?" in why
    with JournalReader(path) as reader:
        assert committed(home / "lake", reader.epoch()) == last

    waits = asked(instance, first.cursor)
    assert "TimescaleDB is behind the ledger; it is tried again in 60 s" in str(waits.skip_reason)
    now_s[0] += asking.AGAIN_S
    again = asked(instance, waits.cursor)
    (request,) = again.run_requests or ()
    assert (request.run_key or "").endswith(f":{last + 1}-{last}:0")
    assert request.run_config["ops"]["ledger_tables"]["config"]["to_seq"] == last

    monkeypatch.setenv("PI5_TIMESCALE_DSN", migrated_dsn)
    assert brought(instance) == (True, f"up to event {last:,}")
    now_s[0] += asking.LONGEST_WAIT_S
    assert "the ledger has all" in str(asked(instance, again.cursor).skip_reason)
    with psycopg.connect(migrated_dsn) as connection:
        assert connection.execute("SELECT seq FROM ledger_offsets").fetchone() == (last,)


def test_an_empty_range_is_asked_for_ever_more_seldom_and_events_do_not_wait_for_it() -> None:
    cursor = Cursor("e", 100, NOW_S, 100)
    behind = Tries(count=3, followed=False)
    assert isinstance(ask(cursor, 100, 100, behind, NOW_S + 8 * asking.AGAIN_S - 1), str)
    assert ask(cursor, 100, 100, behind, NOW_S + 8 * asking.AGAIN_S) == asking.Range("e", 101, 100, 3)
    many = Tries(count=30, followed=False)
    assert ask(cursor, 100, 100, many, NOW_S + asking.LONGEST_WAIT_S) == asking.Range("e", 101, 100, 30)
    assert ask(cursor, 110, 100, behind, NOW_S + 31, has_fills=True) == asking.Range("e", 101, 110, 3)
    assert isinstance(ask(cursor, 100, 100, Tries(unfinished="r", followed=False), NOW_S * 2), str)


def test_a_row_that_somebody_changed_fails_the_audit(
    path: Path, instance: dg.DagsterInstance, migrated_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", migrated_dsn)

    def audit() -> tuple[bool, str]:
        found = check_hot_ledger(Home())
        assert isinstance(found, dg.AssetCheckResult)
        return found.passed, found.description or ""

    assert audit() == (True, "there is no journal yet")
    write(path, 3, 20)
    assert brought(instance)[0]
    assert audit() == (True, "the same rows in both stores")
    with psycopg.connect(migrated_dsn) as connection:
        connection.execute("UPDATE ledger_daily SET net = net + 1 WHERE day = (SELECT max(day) FROM ledger_daily)")
    good, why = audit()
    assert not good
    assert "ledger_daily" in why


@pytest.mark.slow
def test_both_jobs_as_a_user_runs_them(
    path: Path, instance: dg.DagsterInstance, migrated_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = write(path, 3, 20)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", migrated_dsn)
    environment = {**os.environ, "DAGSTER_HOME": instance.root_directory}

    def dagster(job: str) -> set[tuple[str, bool]]:
        command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "pi5_pipelines.definitions", "-j", job]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3_000:]
        logged = [one.dagster_event for one in instance.all_logs(instance.get_runs(limit=1)[0].run_id)]
        found = [one for one in logged if one and one.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION]
        checks = [one.asset_check_evaluation_data for one in found]
        return {(one.check_name, one.passed) for one in checks}

    assert dagster("ledger") == {("balanced", True), ("followed", True)}
    event = instance.get_latest_materialization_event(dg.AssetKey("hot_ledger"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["to_seq"].value == last
    assert dagster("ledger_audit") == {("audit", True), ("as_in_the_lake", True)}
