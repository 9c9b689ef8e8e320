"""What the live engine missed of its prices is asked for again: those days of those symbols, and nothing else."""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.automation.jobs import INGEST
from pi5_pipelines.automation.news import news
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from live_engine.events import Event

EVERY_S = 60
AT_ONCE = 100
Days = tuple[date, date]


@dg.sensor(
    name="stream_gaps",
    job=INGEST,
    description="Asks for the days and symbols of each hole in the live engine's prices, once; holes of the same days "
    "are one run.",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def stream_gaps(context: dg.SensorEvaluationContext, home: Home) -> dg.SensorResult | dg.SkipReason:
    """Look once. Symbols that are not to be ingested are named and left alone."""
    from live_engine.errors import JournalError
    from live_engine.events import StreamGap

    settings = home.settings()
    try:
        found = news(settings, context.cursor, (StreamGap,), AT_ONCE)
    except JournalError as error:
        return dg.SkipReason(str(error))
    wanted, left = by_days(found.events, settings.ingest.symbols)
    requests = [_request(found.journal, days, symbols) for days, symbols in wanted.items()]
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=found.cursor)
    why = f"not in [ingest] symbols: {', '.join(sorted(left))}" if left else "no price is missing"
    return dg.SensorResult(skip_reason=why, cursor=found.cursor)


def by_days(events: "Sequence[Event]", ingested: "Collection[str]") -> tuple[dict[Days, set[str]], set[str]]:
    """Symbols by the first and last UTC day of their holes; and those that are not `ingested` (empty: all are)."""
    from live_engine.events import StreamGap

    wanted: dict[Days, set[str]] = {}
    left: set[str] = set()
    for gap in (event.body for event in events if isinstance(event.body, StreamGap)):
        if ingested and gap.symbol not in ingested:
            left.add(gap.symbol)
        else:
            wanted.setdefault((_day(gap.from_ns), _day(gap.to_ns - 1)), set()).add(gap.symbol)
    return wanted, left


def _day(ts_ns: int) -> date:
    from pi5_pipelines.ledger.orders import moment

    return moment(ts_ns).date()


def _request(journal: str, days: Days, symbols: set[str]) -> dg.RunRequest:
    start, end = (day.isoformat() for day in days)
    named = sorted(symbols)
    return dg.RunRequest(
        run_key=f"gap:{journal}:{start}:{end}:{','.join(named)}",
        run_config={"ops": {"ingest_prices": {"config": {"start": start, "end": end, "symbols": named}}}},
    )


SENSORS = [stream_gaps]
