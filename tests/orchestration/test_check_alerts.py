"""A check that turns bad is told once, though no run failed; and once more when it is well again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from pi5_pipelines.automation.check_alerts import check_alert
from pi5_pipelines.lake.table import Lake
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dagster._core.definitions.sensor_definition import SensorExecutionData

    from tests.orchestration.receiver import Receiver

    Tick = Callable[[dg.SensorDefinition], SensorExecutionData]


def test_books_that_do_not_balance_are_told_once_and_when_they_do_again(
    addresses: Path, receiver: Receiver, home: Path, run: Callable[..., dg.ExecuteInProcessResult], tick: Tick
) -> None:
    addresses.write_text(f"{receiver.address}\n")
    write(home / "journal" / "live.sqlite", 3, 5)
    assert run("ledger").success
    assert str(tick(check_alert).skip_message) == "no check fails"
    lake = Lake(home / "lake")
    cash = lake.read("ledger_cash")
    lake.replace("ledger_cash", cash.with_columns(amount=pl.lit("1")))
    for _ in range(2):
        assert run("ledger").success
        tick(check_alert)
    (message,) = receiver.messages
    assert message["title"] == "Pi5: checks"
    assert message["message"].startswith("ledger_postings balanced: ")
    assert "cost and cash are not what was earned" in message["message"]
    lake.replace("ledger_cash", cash)
    assert run("ledger").success
    for _ in range(2):
        tick(check_alert)
    assert [one["message"] for one in receiver.messages[1:]] == ["ledger_postings balanced is well again"]


def test_an_alert_that_nobody_took_is_told_by_the_next_look(
    addresses: Path, receiver: Receiver, home: Path, run: Callable[..., dg.ExecuteInProcessResult], tick: Tick
) -> None:
    write(home / "journal" / "live.sqlite", 3, 5)
    assert run("ledger").success
    lake = Lake(home / "lake")
    lake.replace("ledger_cash", lake.read("ledger_cash").with_columns(amount=pl.lit("1")))
    assert run("ledger").success
    addresses.write_text("json://127.0.0.1:9/\n")  # nobody listens there
    assert "did not take the alert" in str(tick(check_alert).skip_message)
    addresses.write_text(f"{receiver.address}\n")
    tick(check_alert)
    assert len(receiver.messages) == 1


def test_what_only_warns_is_not_told(
    addresses: Path,
    receiver: Receiver,
    drop: Callable[..., Path],
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Tick,
) -> None:
    addresses.write_text(f"{receiver.address}\n")
    drop("GOOD")
    drop("HOLE", skip=10)
    checked = run("ingest").get_asset_check_evaluations()
    failed = [one for one in checked if not one.passed]
    assert failed
    assert all(one.severity is dg.AssetCheckSeverity.WARN for one in failed)
    tick(check_alert)
    assert receiver.messages == []
