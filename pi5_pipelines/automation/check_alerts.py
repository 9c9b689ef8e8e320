"""When a check that matters turns bad, somebody is told once; and once more when it is well again."""

import json
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.automation.addresses import KEY, read_addresses
from pi5_pipelines.automation.alerts import LONGEST, send
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVERY_S = 60
TITLE = "Pi5: checks"


@dg.sensor(
    name="check_alert",
    description=f"Tells the addresses in `{KEY}` which checks have failed with an error since the last look, why, and "
    "which of those told are well again. A run whose check fails does not fail itself.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def check_alert(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult | dg.SkipReason:
    """Look at the newest evaluation of each check; what was not taken is told by the next look."""
    assert context.repository_def is not None  # noqa: S101 - the daemon and the tests both have one
    keys = sorted(context.repository_def.asset_graph.asset_check_keys)
    told: dict[str, str] = json.loads(context.cursor or "{}")
    bad = failing(context.instance, keys, told)
    lines = [f"{name}: {why}"[:LONGEST] for name, why in bad.items() if name not in told]
    lines += [f"{name} is well again" for name in told if name not in bad]
    if not lines:
        return dg.SensorResult(skip_reason=f"{len(bad)} checks fail, as told" if bad else "no check fails")
    try:
        addresses = read_addresses(home.settings().alerts)
    except ConfigError as error:
        return dg.SkipReason(str(error))
    if addresses and not send(addresses, TITLE, "\n".join(lines)):
        return dg.SkipReason(f"an address of {KEY} did not take the alert: {'; '.join(lines)}")
    said = "; ".join(lines)
    return dg.SensorResult(
        skip_reason=said if addresses else f"{KEY} names no file; unsent: {said}", cursor=json.dumps(bad)
    )


def failing(
    instance: dg.DagsterInstance, keys: "Sequence[dg.AssetCheckKey]", told: "Mapping[str, str]"
) -> dict[str, str]:
    """The checks that stand as failed with an error, and why; of one that is being evaluated, what was told of it."""
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

    found: dict[str, str] = {}
    for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(keys).items():
        name = f"{key.asset_key.to_user_string()} {key.name}"
        event = record.event.dagster_event if record.event else None
        if record.status is Status.PLANNED:
            found |= {name: told[name]} if name in told else {}
        elif record.status is Status.FAILED and event:
            evaluation = event.asset_check_evaluation_data
            if evaluation.severity is dg.AssetCheckSeverity.ERROR:
                found[name] = evaluation.description or "it has failed"
    return found


SENSORS = [check_alert]
