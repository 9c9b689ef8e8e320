"""Runs that a power cut left behind: Dagster would show them as running for ever, and count them against the limit."""

import dagster as dg

EVERY_S = 60


@dg.sensor(
    name="orphaned_runs",
    description="Fails runs whose process is gone, so that a power cut costs one run and not the place of all later "
    "ones. It looks at every start of the daemon and once a minute after.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def orphaned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fail what is orphaned and name it; launchers other than the default one watch their runs themselves."""
    from pi5_pipelines.orphans import fail_orphaned_runs

    if not isinstance(context.instance.run_launcher, dg.DefaultRunLauncher):
        return dg.SkipReason(f"{type(context.instance.run_launcher).__name__} watches its own runs")
    failed = fail_orphaned_runs(context.instance)
    return dg.SkipReason(
        f"failed, their process is gone: {', '.join(failed)}" if failed else "every run has its process"
    )


SENSORS = [orphaned_runs]
