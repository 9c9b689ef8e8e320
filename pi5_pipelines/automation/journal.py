"""The sensor at the live engine's journal: it asks for ledger runs, and observes what is worth knowing without one."""

import time
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.automation.jobs import LEDGER
from pi5_pipelines.errors import LedgerError
from pi5_pipelines.ledger.asking import Cursor, Range, Tries, ask
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from live_engine.events import Body, Event
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.assets.figures import Figures

EVERY_S = 15
clock = time.time
OBSERVED_AT_ONCE = 200
RANGE_TAG, TRY_TAG = "pi5/ledger_from", "pi5/ledger_try"
FIRST = {"dagster/priority": "10"}  # it takes seconds, and what else is in the queue may take the night
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(
    name="live_journal",
    job=LEDGER,
    description="Asks for one run a bounded range of the journal's events, one at a time; health, gaps of prices and "
    "the kill switch become observations of the engine. The journal is only read.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def live_journal(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult | dg.SkipReason:
    """Look once; what cannot be read is one line in the tick, and the cursor stays."""
    from live_engine.errors import JournalError, JournalLockedError, JournalMissingError
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.ledger.source import journal_file

    settings = home.settings()
    try:
        with JournalReader(journal_file(settings)) as reader:
            return _look(context, reader, committed(settings.folder("lake"), reader.epoch()))
    except (JournalMissingError, JournalLockedError) as error:
        return dg.SkipReason(str(error))
    except JournalError as error:
        raise LedgerError(error.what, where=error.where, hint=error.hint) from None


def _look(context: dg.SensorEvaluationContext, reader: "JournalReader", done: int) -> dg.SensorResult:
    journal, last_seq = reader.epoch(), reader.last_seq()
    cursor = Cursor.read(context.cursor, journal, done)
    light = reader.of_types(observed(), cursor.seen_seq, OBSERVED_AT_ONCE)
    # No run goes past what was looked at, so a lost cursor can begin at what is committed.
    seen_seq = light[-1].seq if len(light) == OBSERVED_AT_ONCE else last_seq
    now_s = clock()
    tries, fills = _tries(context.instance, journal, done + 1), reader.of_types((_fill(),), done, 1)
    wanted = ask(cursor, seen_seq, done, tries, now_s, has_fills=bool(fills))
    events: list[dg.AssetObservation | dg.AssetMaterialization] = [_observation(event) for event in light]
    if isinstance(wanted, str):
        kept = Cursor(journal, cursor.asked_seq, cursor.asked_at_s, seen_seq)
        return dg.SensorResult(skip_reason=wanted, cursor=kept.text(), asset_events=events)
    news: Figures = {"journal": journal, "last_seq": last_seq, "first_seq": reader.first_seq(), "in_the_ledger": done}
    events.append(dg.AssetMaterialization(names.JOURNAL, metadata=news))
    kept = Cursor(journal, wanted.last_seq, now_s, seen_seq)
    return dg.SensorResult(run_requests=[_request(wanted)], cursor=kept.text(), asset_events=events)


def _fill() -> "type[Body]":
    from live_engine.events import OrderFilled

    return OrderFilled


def _request(wanted: Range) -> dg.RunRequest:
    config = {"journal": wanted.journal, "to_seq": wanted.last_seq}
    return dg.RunRequest(
        run_key=wanted.run_key,
        run_config={"ops": {names.LEDGER_STEP: {"config": config}}},
        tags={RANGE_TAG: f"{wanted.journal}:{wanted.first_seq}", TRY_TAG: str(wanted.number), **FIRST},
    )


def _tries(instance: dg.DagsterInstance, journal: str, first_seq: int) -> Tries:
    """What became of earlier runs; deleted ones are forgotten, and nothing hangs on them."""
    at_it = instance.get_runs(dg.RunsFilter(job_name=LEDGER.name, statuses=UNFINISHED), limit=1)
    of_range = dg.RunsFilter(job_name=LEDGER.name, tags={RANGE_TAG: f"{journal}:{first_seq}"})
    records = instance.get_run_records(of_range, limit=20)
    ended = [one.end_time or 0.0 for one in records if one.dagster_run.status is not dg.DagsterRunStatus.SUCCESS]
    return Tries(
        unfinished=at_it[0].run_id if at_it else "",
        count=1 + max((int(one.dagster_run.tags[TRY_TAG]) for one in records), default=-1),
        failed_at_s=max(ended, default=0.0),
        followed=not names.HAS_HOT_TIER or _followed(instance, journal) >= first_seq - 1,
    )


def _followed(instance: dg.DagsterInstance, journal: str) -> int:
    """How far TimescaleDB has come by Dagster's records; where they are gone it is asked for once more, in vain."""
    found = instance.get_latest_materialization_event(dg.AssetKey(names.HOT_LEDGER))
    told = found.asset_materialization.metadata if found and found.asset_materialization else {}
    if "journal" not in told or told["journal"].value != journal:
        return 0
    seq = told["to_seq"].value
    return seq if isinstance(seq, int) else 0


def observed() -> "tuple[type[Body], ...]":
    """The events that are told without a run."""
    from live_engine.events import HealthChanged, KillSwitchRearmed, KillSwitchSet, StreamGap, StreamStale

    return HealthChanged, StreamGap, StreamStale, KillSwitchSet, KillSwitchRearmed


def _observation(event: "Event") -> dg.AssetObservation:
    import msgspec

    from live_engine.events import type_of

    told = {name: str(value) for name, value in msgspec.to_builtins(event.body).items() if name not in ("type", "v")}
    at = dg.MetadataValue.timestamp(event.wall_ns / 1e9)
    return dg.AssetObservation(
        names.ENGINE, description=type_of(event.body), metadata={**told, "seq": event.seq, "at": at}
    )


SENSORS = [live_journal]
