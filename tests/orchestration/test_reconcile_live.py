"""The job of a live day: two assets, their checks, a link to the page; a day without an engine is no failure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import dagster as dg

from live_engine.events import BarClosed, EngineStarted, OrderFilled, OrderIntent, OrderRejected
from live_engine.journal.writer import Journal
from live_engine.paper.broker import PaperBroker
from live_engine.paper.settings import StrategySettings
from pi5_pipelines.automation.schedules import live_day
from pi5_pipelines.definitions import defs
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from live_engine.events import AnyBody

NOON_NS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
DAY = "2026-03-02"
SMA = StrategySettings(name="sma_cross", symbol="UP", params={"fast": 1, "slow": 2})


def reconciled(instance: dg.DagsterInstance, day: str) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def("reconcile_live")
    return job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False)


def figures(result: dg.ExecuteInProcessResult, asset: str) -> Mapping[str, Any]:
    (made,) = (one for one in result.asset_materializations_for_node(asset))
    return {name: value.value for name, value in made.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def bars() -> list[BarClosed]:
    found = []
    for at, close in enumerate((10, 11, 12, 11, 10, 11, 12, 13)):
        price = Decimal(close)
        found.append(
            BarClosed(
                symbol="UP", timeframe="1d", ts_ns=at * 86_400_000_000_000, open=price, high=price + 1, low=price - 1,
                close=price, volume=Decimal(100),
            )
        )  # fmt: skip
    return found


def traded(home: Path, *, spoilt: bool) -> int:
    """A journal of a day at noon; how many fills it has."""
    broker = PaperBroker([SMA])
    told: list[AnyBody] = [EngineStarted(program="p", restored_seq=0), *broker.start(SMA.key, [])]  # type: ignore[list-item]
    for bar in bars():
        told += broker.on_bar(bar)  # type: ignore[arg-type]
    if spoilt:
        at = next(at for at, body in enumerate(told) if isinstance(body, OrderFilled))
        del told[at]
        told.append(OrderIntent(client_order_id="x", symbol="UP", side="buy", order_type="market", quantity=Decimal(1)))
        told.append(OrderRejected(client_order_id="x", reason=""))
    with Journal(home / "journal" / "live.sqlite", wall_ns=lambda: NOON_NS, mono_ns=lambda: 1) as journal:
        journal.append(told).result()
    return sum(isinstance(body, OrderFilled) for body in told)


def test_a_day_is_checked_and_reported_with_a_link_to_its_page(home: Path, instance: dg.DagsterInstance) -> None:
    fills = traded(home, spoilt=False)
    assert fills > 2
    consume(load_settings())
    result = reconciled(instance, DAY)
    assert result.success
    replay, report = figures(result, "replay_check"), figures(result, "trading_report")
    assert (replay["live_trades"], replay["agreed"], replay["differences"], replay["difference"]) == (
        fills,
        fills,
        0,
        0,
    )
    assert (report["fills"], report["rejects"]) == (fills, 0)
    page = Path(urlparse(report["page"]).path)
    assert page == home / "reports" / "trading" / f"{DAY}.html"
    assert f"{fills} of {fills} live trades are those of the backtester" in page.read_text(encoding="utf-8")
    assert {name: one.passed for name, one in checks(result).items()} == {
        "as_backtested": True,
        "explained": True,
        "in_the_ledger": True,
    }


def test_a_difference_and_a_rejection_without_a_reason_fail_the_checks_not_the_job(
    home: Path, instance: dg.DagsterInstance
) -> None:
    fills = traded(home, spoilt=True)
    result = reconciled(instance, DAY)
    assert result.success
    found = checks(result)
    behind = found.pop("in_the_ledger")
    assert (behind.passed, behind.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert behind.metadata["missing"].value == fills
    assert {name: one.passed for name, one in found.items()} == {"as_backtested": False, "explained": False}
    assert {one.severity for one in found.values()} == {dg.AssetCheckSeverity.ERROR}
    rows = found["as_backtested"].metadata["rows"]
    assert isinstance(rows, dg.TableMetadataValue)
    (row,) = rows.records
    assert (row.data["kind"], row.data["cause"], row.data["live"]) == ("only simulated", "", "")
    assert found["explained"].description == "x was rejected without a reason"


def test_a_day_without_an_engine_is_a_short_page(home: Path, instance: dg.DagsterInstance) -> None:
    result = reconciled(instance, DAY)
    assert result.success
    assert all(one.passed for one in checks(result).values())
    page = (home / "reports" / "trading" / f"{DAY}.html").read_text(encoding="utf-8")
    assert "Nothing happened on this day." in page
    assert "uPlot" not in page
    assert len(page) < 20_000


def test_a_journal_that_cannot_be_read_fails_in_one_line(home: Path, instance: dg.DagsterInstance) -> None:
    path = home / "journal" / "live.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"no journal" * 1_000)
    result = reconciled(instance, DAY)
    assert not result.success
    (failure, *_) = (event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    assert error.description is not None
    assert error.description.startswith(f"{path}: ")
    assert error.description.count("\n") == 0


def test_the_schedule_asks_for_the_day_before(instance: dg.DagsterInstance) -> None:
    moment = datetime(2026, 3, 3, 0, 20, tzinfo=UTC)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=moment) as context:
        request = live_day(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == DAY
    assert (live_day.cron_schedule, live_day.execution_timezone) == ("20 0 * * *", "UTC")
