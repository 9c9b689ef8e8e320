"""When a run fails, somebody is told what, where and how to mend it, and the night still gets its backup."""

import logging
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.automation.addresses import KEY, read_addresses
from pi5_pipelines.automation.jobs import BACKUP, NIGHTLY
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 1_500  # characters of one step's line
ERRORS = (logging.ERROR, logging.CRITICAL)


def _step_line(event: dg.DagsterEvent) -> str:
    """What a failed step says of itself: the line of its Pi5Error, else the exception's."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error else (event.message or "failed")


def _worker_lines(context: dg.RunFailureSensorContext) -> dict[str, str]:
    """The last error line that each step logged, which is where a worker process says why it stopped."""
    return {
        entry.step_key: entry.user_message
        for entry in context.instance.all_logs(context.dagster_run.run_id)
        if entry.step_key and entry.level in ERRORS and not entry.is_dagster_event
    }


def alert_text(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    """Title and body of the alert for a failed run: job, each failed step, and its line; then the run's id."""
    run = context.dagster_run
    logged = _worker_lines(context)
    lines = [
        f"step {event.step_key}: {logged.get(event.step_key or '', '') or _step_line(event)}"
        for event in context.get_step_failure_events()
    ] or [context.failure_event.message or "the run stopped without a word"]
    body = "\n".join([line[:LONGEST] for line in lines] + [f"run {run.run_id}"])
    return f"Pi5: job {run.job_name} failed", body


def send(addresses: "Sequence[str]", title: str, body: str) -> bool:
    """Hand a message to every address; False when one of them did not take it."""
    from apprise import Apprise, NotifyType

    messenger = Apprise()
    known = [messenger.add(address) for address in addresses]
    return bool(messenger.notify(title=title, body=body, notify_type=NotifyType.FAILURE)) and all(known)


@dg.run_failure_sensor(
    name="run_failure_alert",
    description=f"Tells the addresses in `{KEY}` which job and step failed, why, and how to mend it.",
    monitor_all_code_locations=True,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def run_failure_alert(context: dg.RunFailureSensorContext, home: Home) -> dg.SkipReason | None:
    """Send one alert; a wrong addresses file is said in the tick, and the next failure tries again."""
    try:
        addresses = read_addresses(home.settings().alerts)
    except ConfigError as error:
        return dg.SkipReason(str(error))
    title, body = alert_text(context)
    if not addresses:
        return dg.SkipReason(f"{KEY} names no file; unsent: {title}: {body}")
    if not send(addresses, title, body):
        return dg.SkipReason(f"an address of {KEY} did not take the alert: {title}: {body}")
    return None


@dg.run_failure_sensor(
    name="backup_after_failure",
    description="A night that failed before its backup gets one all the same.",
    monitored_jobs=[NIGHTLY],
    request_job=BACKUP,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def backup_after_failure(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one backup run per failed night; for none when the night made its own, and failed in another branch."""
    steps = context.instance.get_run_step_stats(context.dagster_run.run_id, [names.BACKUP])
    if any(step.status and step.status.value == "SUCCESS" for step in steps):
        return dg.SkipReason(f"run {context.dagster_run.run_id} made its backup before it failed")
    return dg.RunRequest(run_key=f"backup-after-{context.dagster_run.run_id}")


SENSORS = [run_failure_alert, backup_after_failure]
