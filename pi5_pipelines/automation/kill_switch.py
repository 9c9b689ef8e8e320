"""When the live engine's kill switch is thrown or rearmed, somebody is told, whether or not anything else works."""

from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.automation.addresses import KEY, read_addresses
from pi5_pipelines.automation.alerts import send
from pi5_pipelines.automation.news import news
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from live_engine.events import KillSwitchRearmed, KillSwitchSet

EVERY_S = 30
AT_ONCE = 100
TITLE = "Pi5: the kill switch of the live engine"


@dg.sensor(
    name="kill_switch_alert",
    description=f"Tells the addresses in `{KEY}` who threw or rearmed the live engine's kill switch, and why.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def kill_switch_alert(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult | dg.SkipReason:
    """Send one alert of all that is new; what was not taken is tried again.

    Without a cursor of this journal it tells of the last change alone, and only when the switch is on.
    """
    from live_engine.errors import JournalError
    from live_engine.events import KillSwitchRearmed, KillSwitchSet

    try:
        found = news(home.settings(), context.cursor, (KillSwitchSet, KillSwitchRearmed), AT_ONCE)
    except JournalError as error:
        return dg.SkipReason(str(error))
    new = found.events
    if found.is_first:
        new = [event for event in new[-1:] if isinstance(event.body, KillSwitchSet)]
    lines = [_line(event.body) for event in new if isinstance(event.body, KillSwitchSet | KillSwitchRearmed)]
    told = "nobody has touched the kill switch"
    if lines:
        try:
            addresses = read_addresses(home.settings().alerts)
        except ConfigError as error:
            return dg.SkipReason(str(error))
        told = "; ".join(lines) if addresses else f"{KEY} names no file; unsent: {'; '.join(lines)}"
        if addresses and not send(addresses, TITLE, "\n".join(lines)):
            return dg.SkipReason(f"an address of {KEY} did not take the alert: {told}")
    return dg.SensorResult(skip_reason=told, cursor=found.cursor)


def _line(body: "KillSwitchSet | KillSwitchRearmed") -> str:
    why = f": {body.reason}" if body.reason else ""
    return f"{getattr(body, 'action', 'rearm')} by {body.actor}{why}"


SENSORS = [kill_switch_alert]
