"""Whole nights with TimescaleDB, on both editions, and with a server that is not there: real runs of the job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import psycopg
import pytest

from pi5_pipelines.backup import backup_folder, manifests
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.report.nightly import report_file
from pi5_pipelines.settings import load_settings
from pi5_pipelines.timescale.connection import Access, connect
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.read import read
from pi5_pipelines.timescale.union import union_rows

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
DAGSTER = [sys.executable, "-m", "dagster", "job"]
LOCATION = ["-m", "pi5_pipelines.definitions"]
HOT = {"hot_bars_1d", "hot_aggregates", "hot_compression", "hot_tiering", "hot_retention", "hot_sizes", "hot_ledger"}


class Nights:
    """A home of its own, and the job run in it as a user would."""

    def __init__(self, home: Path, dagster_home: Path, dsn: str) -> None:
        self.dagster_home = dagster_home
        self.dsn = dsn
        self.home = home

    def run(self, job: str = "nightly", **settings: str) -> tuple[int, str]:
        """Run a job with settings; exit code and log."""
        done = subprocess.run(
            [*DAGSTER, "execute", *LOCATION, "-j", job],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(self.dagster_home), **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return done.returncode, done.stdout + done.stderr

    def figures(self, asset: str) -> dict[str, Any]:
        """What the last night said of an asset."""
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None, asset
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def checks(self) -> dict[str, tuple[bool, str]]:
        """What the last night's looks at the hot tier found."""
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            run = instance.get_runs(limit=1)[0]
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        found = [one.asset_check_evaluation_data for one in events if one.event_type_value == "ASSET_CHECK_EVALUATION"]
        return {one.check_name: (one.passed, one.description or "") for one in found}

    @property
    def lake(self) -> Lake:
        """The lake that the nights made."""
        return Lake(self.home / "lake")


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Nights]:
    """Nights of one symbol's real prices and one strategy, with the server at a DSN."""

    def make(dsn: str) -> Nights:
        for name in [name for name in os.environ if name.startswith("DAGSTER_")]:
            monkeypatch.delenv(name)
        dagster_home = tmp_path / "dagster_home"
        dagster_home.mkdir()
        shutil.copy(ROOT / "dagster.yaml", dagster_home)
        for name, value in {
            "PI5_HOME": str(tmp_path / "home"),
            "PI5_INGEST_SOURCES": '["sample"]',
            "PI5_INGEST_SYMBOLS": '["IBM"]',
            "PI5_BACKTEST_STRATEGIES": '[{name = "buy_and_hold"}]',
            "PI5_TIMESCALE_DSN": dsn,
        }.items():
            monkeypatch.setenv(name, value)
        return Nights(tmp_path / "home", dagster_home, dsn)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["apache", pytest.param("community", marks=pytest.mark.proof)])
def test_nights_keep_the_hot_tier_equal_to_the_lake(
    edition: str, nights: Callable[[str], Nights], request: pytest.FixtureRequest
) -> None:
    dsn: str = request.getfixturevalue(f"{edition}_dsn")
    with connect(Access(dsn, edition)) as connection:
        migrate(connection)
    night = nights(dsn)

    code, log = night.run()
    assert code == 0, log[-4000:]
    bars = night.lake.read("bars_1d")
    with connect(Access(dsn, edition)) as connection:
        row = connection.execute("SELECT since FROM followed").fetchone()
        assert row is not None
        recent = bars.filter(bars["ts"] >= row[0].astimezone(UTC))
        assert read(connection, "bars_1d").equals(recent)
    assert night.figures("hot_bars_1d")["rows_sent"] == recent.height > 1456
    assert night.figures("hot_sizes")["database_bytes"] > 0
    assert set(night.checks()) >= {"savings", "chunks", "dead_rows", "indexes", "slow_queries", "room", "connections"}
    assert [name for name, (good, _) in night.checks().items() if not good] == []

    few = {"PI5_TIMESCALE_KEEP_LONG_BARS_DAYS": "35"}
    code, log = night.run(**few)  # fewer days are kept: what is older becomes the lake's
    assert code == 0, log[-4000:]
    assert night.figures("hot_bars_1d")["rows_sent"] == 0
    with connect(Access(dsn, edition)) as connection:
        handed_over = connection.execute("SELECT count(*), sum(row_count) FROM hand_overs").fetchone()
        assert handed_over is not None
        assert handed_over[0] >= 1
        assert union_rows(connection, night.lake, "bars_1d").equals(bars)
        connection.execute("UPDATE hand_overs SET verified_at = verified_at - INTERVAL '1 day'")

    code, log = night.run(**few)
    assert code == 0, log[-4000:]
    assert night.figures("hot_retention")["rows_dropped"] == handed_over[1]
    with connect(Access(dsn, edition)) as connection:
        assert union_rows(connection, night.lake, "bars_1d").equals(bars)
    assert night.figures("hot_bars_1d")["rows_sent"] == 0


@pytest.mark.slow
def test_without_its_server_that_step_says_so_and_the_rest_of_the_night_goes_on(
    nights: Callable[[str], Nights], free_port: int
) -> None:
    night = nights(f"postgresql://pi5@127.0.0.1:{free_port}/pi5")
    code, log = night.run()
    assert code != 0
    told = {line.split("TimescaleDB pi5@", 1)[1] for line in log.splitlines() if "TimescaleDB pi5@" in line}
    assert all("Connection refused" in line and "is the server up?" in line for line in told)
    assert told
    settings = load_settings()
    assert night.lake.read("bars_1d").height > 3000
    assert report_file(settings).exists()
    assert len(manifests(backup_folder(settings))) == 1
    with dg.DagsterInstance.from_config(str(night.dagster_home)) as instance:
        run = instance.get_runs(limit=1)[0]
        steps = {stats.step_key: stats.status for stats in instance.get_run_step_stats(run.run_id)}
    failed = {key for key, status in steps.items() if status and status.value == "FAILURE"}
    assert failed == {"hot_bars_1d"}


@pytest.mark.parametrize("configured", [False, True])
def test_the_graph_has_a_hot_tier_only_where_one_is_configured_and_no_server_is_asked(
    configured: bool,  # noqa: FBT001 - pytest passes it by name
    nights: Callable[[str], Nights],
    free_port: int,
) -> None:
    nights(f"postgresql://pi5@127.0.0.1:{free_port}/pi5" if configured else "")
    script = """
from pi5_pipelines.definitions import defs
graph = defs.resolve_asset_graph()
print(*sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
print(*sorted(job.name for job in defs.resolve_all_job_defs()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assets, jobs = (set(line.split()) for line in done.stdout.splitlines())
    assert assets & HOT == (HOT if configured else set())
    assert ("tier" in jobs) == configured
    assert {"nightly", "ingest", "compress", "retention"} <= jobs


def test_every_asset_of_the_hot_tier_says_what_it_is() -> None:
    from pi5_pipelines.assets.hot import ASSETS

    for asset in ASSETS:
        (spec,) = asset.specs
        assert len(spec.description or "") > 30
        assert spec.group_name == "hot"
        assert spec.kinds
        assert spec.owners
        assert asset.op.pool == "timescale_writer"


def test_a_database_that_was_not_migrated_is_told_how_to(apache_dsn: str, nights: Callable[[str], Nights]) -> None:
    from pi5_pipelines.errors import TimescaleError
    from pi5_pipelines.timescale.follow import follow_lake

    with psycopg.connect(apache_dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
    nights(apache_dsn)
    settings = load_settings()
    lake = Lake(settings.folder("lake"))
    from tests.timescale.market import minute_bars

    lake.upsert("bars_1m", minute_bars(10))
    with pytest.raises(TimescaleError, match="run `pi5 db migrate`"):
        follow_lake(settings, lake)
