"""A failed run is told to a real receiver on the loopback, through the sensor's own tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.automation.addresses import read_addresses
from pi5_pipelines.automation.alerts import backup_after_failure, run_failure_alert
from pi5_pipelines.errors import ConfigError, Pi5Error
from pi5_pipelines.settings import AlertSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dagster as dg
    from dagster._core.definitions.sensor_definition import SensorExecutionData

    from tests.orchestration.receiver import Receiver


def test_a_failed_night_tells_job_step_what_where_and_hint(
    addresses: Path,
    receiver: Receiver,
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Callable[[dg.SensorDefinition], SensorExecutionData],
) -> None:
    addresses.write_text(f"# the phone\n{receiver.address}\n")
    tick(run_failure_alert)
    result = run("nightly")
    tick(run_failure_alert)
    tick(run_failure_alert)
    (message,) = receiver.messages
    assert message["title"] == "Pi5: job nightly failed"
    assert "step check_bars: " in message["message"]
    assert "run `pi5 ingest` first" in message["message"]
    assert result.run_id in message["message"]


def test_a_worker_that_stops_is_told_by_its_own_last_line(
    addresses: Path,
    receiver: Receiver,
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Callable[[dg.SensorDefinition], SensorExecutionData],
) -> None:
    addresses.write_text(f"{receiver.address}\n")
    tick(run_failure_alert)
    run("backtests")
    tick(run_failure_alert)
    (message,) = receiver.messages
    assert "step nightly_backtests: " in message["message"]
    assert "the lake has no 1d bars yet (run `pi5 ingest` first)" in message["message"]


@pytest.mark.parametrize("trouble", ["gone", "open"])
def test_a_wrong_addresses_file_is_said_in_the_tick_and_the_next_failure_is_told(
    trouble: str,
    addresses: Path,
    receiver: Receiver,
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Callable[[dg.SensorDefinition], SensorExecutionData],
) -> None:
    tick(run_failure_alert)
    addresses.write_text(f"{receiver.address}\n")
    addresses.chmod(0o644)
    if trouble == "gone":
        addresses.unlink()
    run("ingest")
    said = tick(run_failure_alert)
    assert said.skip_message is not None
    assert str(addresses) in said.skip_message
    assert receiver.messages == []
    addresses.write_text(f"{receiver.address}\n")
    addresses.chmod(0o600)
    assert "nothing" not in str(tick(run_failure_alert).skip_message)
    run("ingest")
    tick(run_failure_alert)
    assert len(receiver.messages) == 1


def test_a_failed_night_still_asks_for_its_backup_once(
    home: Path,
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Callable[[dg.SensorDefinition], SensorExecutionData],
) -> None:
    del home
    tick(backup_after_failure)
    result = run("nightly")
    run("ingest")
    asked = [request.run_key for _ in range(3) for request in tick(backup_after_failure).run_requests or []]
    assert asked == [f"backup-after-{result.run_id}"]


@pytest.mark.slow
def test_a_night_that_failed_after_its_backup_is_not_backed_up_twice(
    drop: Callable[..., Path],
    run: Callable[..., dg.ExecuteInProcessResult],
    tick: Callable[[dg.SensorDefinition], SensorExecutionData],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def expire(*_: object) -> None:
        raise Pi5Error("it cannot be shrunk")

    monkeypatch.setattr("pi5_pipelines.retention.expire", expire)
    drop("GOOD")
    tick(backup_after_failure)
    assert not run("nightly").success
    data = tick(backup_after_failure)
    assert not data.run_requests
    assert "made its backup before it failed" in (data.skip_message or "")


def test_addresses_are_lines_without_remarks(tmp_path: Path) -> None:
    path = tmp_path / "alerts"
    path.touch(mode=0o600)
    path.write_text("# phone\n ntfy://one \n\nmailto://two\n")
    assert read_addresses(AlertSettings(addresses_file=str(path))) == ["ntfy://one", "mailto://two"]
    assert read_addresses(AlertSettings()) == []


def test_a_file_without_an_address_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alerts"
    path.touch(mode=0o600)
    with pytest.raises(ConfigError, match="holds no address"):
        read_addresses(AlertSettings(addresses_file=str(path)))
