"""A hole in the live engine's prices is asked for again: that day, that symbol, once, and the lake has it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from live_engine.events import HealthChanged, StreamGap
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from pi5_pipelines.automation import stream_gaps as module
from pi5_pipelines.automation.stream_gaps import stream_gaps
from pi5_pipelines.feed.publish import publish
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.resources.home import Home
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
DAY_NS = 86_400_000_000_000
HOLE = 10  # the session that is missing
ENGINE = """home = "{home}"
[live]
port = 0
prices = "export"
speed = 0
[[live.strategies]]
name = "buy_and_hold"
symbol = "HOLE"
[[live.strategies]]
name = "buy_and_hold"
symbol = "GOOD"
"""


@pytest.fixture
def path(home: Path) -> Path:
    return home / "journal" / "live.sqlite"


def tick(cursor: str | None = None) -> dg.SensorResult:
    result = stream_gaps(dg.build_sensor_context(cursor=cursor), home=Home())
    assert isinstance(result, dg.SensorResult), result
    return result


def asked(result: dg.SensorResult) -> list[dict[str, Any]]:
    return [request.run_config["ops"]["ingest_prices"]["config"] for request in result.run_requests or ()]


def gap(symbol: str, from_day: int, to_day: int) -> StreamGap:
    return StreamGap(stream="s", symbol=symbol, from_ns=from_day * DAY_NS, to_ns=to_day * DAY_NS)


def test_a_session_that_the_engine_missed_comes_into_the_lake(
    home: Path, drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult], tmp_path: Path, path: Path
) -> None:
    drop("GOOD")
    drop("HOLE", skip=HOLE)
    assert run("ingest").success
    lake = Lake(home / "lake")
    before = lake.read("bars_1d")
    publish(load_settings(), lake, now=datetime(2024, 4, 1, tzinfo=UTC))
    config = tmp_path / "pi5.toml"
    config.write_text(ENGINE.format(home=home))
    command = [sys.executable, "-m", "live_engine", "run", "--config", str(config)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    with JournalReader(path) as reader:
        (told,) = [event.body for event in reader.of_types((StreamGap,), 0, 10)]
    day = sessions("XNYS", date(2024, 1, 2), date(2024, 3, 28))[HOLE]
    assert isinstance(told, StreamGap)
    assert (told.symbol, told.to_ns - told.from_ns) == ("HOLE", DAY_NS)

    first = tick()
    assert asked(first) == [{"start": str(day), "end": str(day), "symbols": ["HOLE"]}]
    drop("HOLE")  # the source has it by now
    (request,) = first.run_requests or ()
    assert run("ingest", run_config=request.run_config).success
    after = lake.read("bars_1d")
    new = after.join(before, on=after.columns, how="anti")
    assert [(row["symbol"], row["ts"].date()) for row in new.iter_rows(named=True)] == [("HOLE", day)]
    assert after.height == before.height + 1
    assert not tick(first.cursor).run_requests


def test_holes_of_the_same_days_are_one_run_and_each_is_asked_for_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    with Journal(path) as journal:
        journal.append([gap("OLD", 0, 1), gap("B", 3, 5), gap("A", 3, 5), HealthChanged(), gap("A", 9, 10)]).result()
        first = tick()  # the newest three; one that was never looked at before is not gone through from its beginning
        assert asked(first) == [
            {"start": "1970-01-04", "end": "1970-01-05", "symbols": ["A", "B"]},
            {"start": "1970-01-10", "end": "1970-01-10", "symbols": ["A"]},
        ]
        assert len({request.run_key for request in first.run_requests or ()}) == 2
        journal.append([gap("A", day, day + 1) for day in (20, 30, 40, 50)]).result()
        second = tick(first.cursor)
        assert [one["start"] for one in asked(second)] == ["1970-01-21", "1970-01-31", "1970-02-10"]
        third = tick(second.cursor)
        assert [one["start"] for one in asked(third)] == ["1970-02-20"]
        assert str(tick(third.cursor).skip_reason) == str(dg.SkipReason("no price is missing"))


def test_a_symbol_that_is_not_ingested_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI5_INGEST_SYMBOLS", '["A"]')
    with Journal(path) as journal:
        journal.append([gap("B", 3, 5)]).result()
    assert "not in [ingest] symbols: B" in str(tick().skip_reason)


def test_without_a_journal_it_says_so(home: Path) -> None:
    del home
    result = stream_gaps(dg.build_sensor_context(), home=Home())
    assert "there is no journal" in str(result)
