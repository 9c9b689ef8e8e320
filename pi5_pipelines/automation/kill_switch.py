"""When the live engine's kill switch is thrown or rearmed, somebody is told, whether or not anything else works."""

import dagster as dg

from pi5_pipelines.automation.addresses import KEY, read_addresses
from pi5_pipelines.automation.alerts import send
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.resources.home import Home

EVERY_S = 30
AT_ONCE = 100


@dg.sensor(
    name="kill_switch_alert",
    description=f"Tells the addresses in `{KEY}` who threw or rearmed the live engine's kill switch, and why.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def kill_switch_alert(context: dg.SensorEvaluationContext, home: Home) -> dg.SkipReason:
    """Send one alert of all that is new; what was not taken is tried again.

    Without a cursor of this journal it tells of the last change alone, and only when the switch is on.
    """
    from live_engine.errors import JournalError
    from live_engine.events import KillSwitchRearmed, KillSwitchSet
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.ledger.source import journal_file

    try:
        with JournalReader(journal_file(home.settings())) as reader:
            journal, last_seq = reader.epoch(), reader.last_seq()
            known = (context.cursor or "").startswith(f"{journal}:")
            seq = int((context.cursor or "").partition(":")[2]) if known else 0
            new = reader.of_types((KillSwitchSet, KillSwitchRearmed), seq, AT_ONCE if known else last_seq)
    except JournalError as error:
        return dg.SkipReason(str(error))
    if not known:
        new = [event for event in new[-1:] if isinstance(event.body, KillSwitchSet)]
    lines = [_line(event.body) for event in new if isinstance(event.body, KillSwitchSet | KillSwitchRearmed)]
    unsent = _unsent("\n".join(lines), home) if lines else ""
    if unsent.startswith("!"):
        return dg.SkipReason(unsent[1:])
    context.update_cursor(f"{journal}:{new[-1].seq if len(new) == AT_ONCE else last_seq}")
    return dg.SkipReason(unsent or ("; ".join(lines) if lines else "nobody has touched the kill switch"))


SENSORS = [kill_switch_alert]
