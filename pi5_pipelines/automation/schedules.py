"""When the night begins: in the exchange's own time, so that a change of clocks moves nothing for its traders."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.automation.jobs import LEDGER_AUDIT, NIGHTLY, RECONCILE_LIVE

if TYPE_CHECKING:
    from pi5_pipelines.settings import ScheduleSettings

WEEKDAYS = "1-5"
AUDIT_AT = "5:30"


def nightly_cron(schedule: ScheduleSettings) -> str:
    """The cron line of `schedule.nightly_at`, Monday to Friday; holidays run too and find nothing new."""
    hour, minute = schedule.nightly_at.split(":")
    return f"{int(minute)} {int(hour)} * * {WEEKDAYS}"


def nightly_schedule(schedule: ScheduleSettings) -> dg.ScheduleDefinition:
    """The nightly job's schedule; it runs from the first start on, since that is what the platform is for."""
    return dg.ScheduleDefinition(
        name="nightly_after_close",
        description=f"The whole night's work at {schedule.nightly_at} {schedule.timezone}, Monday to Friday.",
        job=NIGHTLY,
        cron_schedule=nightly_cron(schedule),
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


@dg.schedule(
    name="live_day_after_midnight",
    description="The day of the live engine that has just ended, at 00:20 UTC.",
    job=RECONCILE_LIVE,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def live_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for the day before."""
    day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=day, partition_key=day)


def audit_schedule(schedule: ScheduleSettings) -> dg.ScheduleDefinition:
    """When the ledger is compared with the whole journal: once a day, when nobody waits for the machine."""
    return dg.ScheduleDefinition(
        name="ledger_audit_daily",
        description=f"The ledger against a fold of the whole journal, every day at {AUDIT_AT} {schedule.timezone}.",
        job=LEDGER_AUDIT,
        cron_schedule="30 5 * * *",
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def every_morning(schedule: ScheduleSettings) -> dg.FreshnessPolicy:
    """What the night makes is there by nine on the next morning, Tuesday to Saturday, not older than a day."""
    return dg.FreshnessPolicy.cron(
        deadline_cron="0 9 * * 2-6", lower_bound_delta=timedelta(hours=24), timezone=schedule.timezone
    )
