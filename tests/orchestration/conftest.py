"""A home of its own for every test, a real Dagster instance in it, and prices to drop into its inbox."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pi5_pipelines.definitions import defs
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.resources.home import Home
from tests.orchestration.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster._core.definitions.sensor_definition import SensorExecutionData

ROOT = Path(__file__).parents[2]
STRATEGIES = '[{name = "buy_and_hold"}, {name = "sma_cross", params = {fast = 5, slow = 10}}]'


def prices(*, skip: int = -1, high: float = 2.0) -> str:
    """A CSV of daily bars that rise by a dollar a day; `skip` leaves one session out, `high` is added to the open."""
    days = sessions("XNYS", date(2024, 1, 2), date(2024, 3, 28))
    rows = [
        f"{day},{100 + n},{100 + n + high},{99 + n},{101 + n},{1_000 + n}" for n, day in enumerate(days) if n != skip
    ]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *rows]) + "\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PI5_HOME that only its inbox feeds, with two strategies a night."""
    folder = tmp_path / "home"
    (folder / "inbox").mkdir(parents=True)
    monkeypatch.setenv("PI5_HOME", str(folder))
    monkeypatch.setenv("PI5_INGEST_SOURCES", '["inbox"]')
    monkeypatch.setenv("PI5_BACKTEST_STRATEGIES", STRATEGIES)
    return folder


@pytest.fixture
def drop(home: Path) -> Callable[..., Path]:
    """Drop a file of prices for a symbol into the inbox; the options are those of `prices`."""

    def write(symbol: str, **options: float) -> Path:
        path = home / "inbox" / f"{symbol}.csv"
        path.write_text(prices(**options))  # type: ignore[arg-type]
        return path

    return write


@pytest.fixture
def instance(home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that the project's own dagster.yaml describes."""
    del home
    folder = tmp_path / "dagster_home"
    folder.mkdir()
    (folder / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(folder)) as made:
        yield made


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Callable[..., dg.ExecuteInProcessResult]:
    """Run a job of the code location in this process, answering failures instead of raising them."""

    def execute(job: str, **options: object) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **options)  # type: ignore[arg-type]

    return execute


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running one."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def addresses(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The addresses file that the settings name, empty and its owner's only."""
    path = home / "secrets" / "alerts"
    path.parent.mkdir()
    path.touch(mode=0o600)
    monkeypatch.setenv("PI5_ALERTS_ADDRESSES_FILE", str(path))
    return path


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Callable[[dg.SensorDefinition], SensorExecutionData]:
    """Evaluate a sensor as the daemon does, each tick from the cursor that the last one left."""
    cursors: dict[str, str | None] = {}

    def evaluate(sensor: dg.SensorDefinition) -> SensorExecutionData:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursors.get(sensor.name), definitions=defs, resources={"home": Home()}
        )
        done = sensor.evaluate_tick(context)
        cursors[sensor.name] = done.cursor
        return done

    return evaluate
