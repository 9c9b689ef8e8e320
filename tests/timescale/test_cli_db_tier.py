"""`pi5 db compress`, `tier` and `retain` as users call them, one after another."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from pi5_pipelines.cli.main import pi5
from tests.timescale.tiered import bars, migrated, put

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 100 * 48 * 3


@pytest.fixture
def configured(any_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PI5_HOME", str(tmp_path))
    monkeypatch.setenv("PI5_TIMESCALE_DSN", any_dsn)
    return any_dsn


def run(*arguments: str) -> str:
    result = CliRunner().invoke(pi5, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return found


def of(found: dict[str, Any], table: str) -> dict[str, Any]:
    (one,) = (one for one in found["tables"] if one["table"] == table)
    return dict(one)


def count() -> int:
    (row,) = document("data", "sql", "SELECT count(*) AS n FROM bars_1m")["rows"]
    return int(row["n"])


def test_a_hundred_days_are_compressed_handed_over_and_dropped(configured: str) -> None:
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=100)
    with migrated(configured) as connection:
        put(configured, "bars_1m", bars(start, 100 * 48))
        community = document("db", "status")["edition"] == "community"
        compressed = document("db", "compress")
        assert (of(compressed, "bars_1m")["compressed"] > 10) == community
        assert [one["way"] for one in compressed["savings"]] == (["compressed"] if community else [])
        tiered = of(document("db", "tier"), "bars_1m")
        assert 8 <= tiered["chunks"] <= 10
        assert tiered["rows"] > 8 * 48 * 7 * 3 - 48 * 7 * 3
        assert "bars_1m" in run("db", "tier")
        assert of(document("db", "retain"), "bars_1m")["chunks"] == 0  # not within the hour
        connection.execute("UPDATE hand_overs SET verified_at = verified_at - INTERVAL '2 hours'")
        dropped = of(document("db", "retain"), "bars_1m")
        assert dropped == {**tiered_only(tiered), "strays": 0}
        assert "0 chunks dropped" in run("db", "retain")
        assert ("lake" in run("db", "compress")) == (not community)
        assert count() == ROWS


def tiered_only(tiered: dict[str, Any]) -> dict[str, Any]:
    return {name: tiered[name] for name in ("table", "chunks", "rows")}
