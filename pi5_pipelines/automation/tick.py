"""Ticks of the sensor at the live engine's journal without a daemon: `python -m pi5_pipelines.automation.tick`.

The instance is that of DAGSTER_HOME, the sensor and the job are those that the daemon evaluates and launches; what is
left out is the waiting between two ticks and a process for the run.
"""

from __future__ import annotations

import sys

import dagster as dg


def ticks(instance: dg.DagsterInstance) -> tuple[int, str]:
    """Evaluate the sensor and run what it asks for, until it asks for nothing; the runs, and what it says then.

    Raises RuntimeError for a run that failed; its own log says why.
    """
    from pi5_pipelines.automation.jobs import LEDGER
    from pi5_pipelines.automation.journal import live_journal
    from pi5_pipelines.definitions import defs
    from pi5_pipelines.ledger.asking import Cursor

    job, cursor, runs = defs.resolve_job_def(LEDGER.name), None, 0
    while True:
        context = dg.build_sensor_context(instance, cursor, definitions=defs, resources=defs.resources)
        tick = live_journal.evaluate_tick(context)
        for event in tick.asset_events:
            instance.report_runless_asset_event(event)
        if not tick.run_requests:
            return runs, tick.skip_message or "it asks for nothing"
        cursor = Cursor.later(tick.cursor or "{}")
        for request in tick.run_requests:
            run = job.execute_in_process(
                request.run_config, instance=instance, tags=dict(request.tags), raise_on_error=False
            )
            if not run.success:
                raise RuntimeError(f"run {run.run_id} of the job {job.name} failed")
            runs += 1


def main() -> int:
    """Tick on the instance of DAGSTER_HOME; exit code 1 when a run failed."""
    with dg.DagsterInstance.get() as instance:
        try:
            runs, said = ticks(instance)
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program's own line
            return 1
    print(f"the sensor live_journal asked for {runs} run{'' if runs == 1 else 's'}; now it says: {said}")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())
