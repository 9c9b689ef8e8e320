"""The hot tier's part of the night. It is a branch of its own: without the server the lake's night goes on."""

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.assets.figures import Figures
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pi5_pipelines.timescale.compression import Saving

    Body = Callable[..., dg.MaterializeResult[None]]


def _hot(name: str, after: str, description: str) -> "Callable[[Body], dg.AssetsDefinition]":
    """An asset of the hot tier: what all have in common; each comes after one other, in the order of a night."""
    return dg.asset(
        name=name,
        deps=[after],
        description=description,
        group_name=names.HOT,
        kinds={"postgres"},
        owners=names.DATA_TEAM,
        tags={"cadence": "nightly"},
        pool=names.TIMESCALE_WRITER,
    )


@contextmanager
def _timed(figures: Figures) -> "Iterator[None]":
    started = time.perf_counter()
    with plain_failure():
        yield
    figures["seconds"] = time.perf_counter() - started


@_hot(
    names.HOT_BARS,
    names.BARS,
    "The newest bars of the lake in TimescaleDB, where people and the live engine query them. What the night "
    "brought or restated is sent and nothing else; the days kept in [timescale] say how far back it goes.",
)
def hot_bars(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Follow the lake's tables of bars to their present versions."""
    from pi5_pipelines.timescale.follow import follow_lake

    figures: Figures = {}
    with _timed(figures):
        followed = follow_lake(home.settings(), home.lake())
    for one in followed:
        context.log.info("%s: lake version %s, was %s", one.table, one.version, one.before)
        figures |= {
            f"{one.table} {name}": getattr(one.report, name) for name in ("rows", "inserted", "restated", "unchanged")
        }
    figures["rows_sent"] = sum(one.report.rows for one in followed)
    return dg.MaterializeResult(metadata=figures)


@_hot(
    names.HOT_AGGREGATES,
    names.HOT_BARS,
    "Hours of minutes and days of hours, kept by TimescaleDB's continuous aggregates where the edition has them; "
    "elsewhere they are views, and there is nothing to refresh.",
)
def hot_aggregates(home: Home) -> dg.MaterializeResult[None]:
    """Refresh what is stored."""
    from pi5_pipelines.timescale.aggregates import refresh_all

    figures: Figures = {}
    with _timed(figures):
        refreshed = refresh_all(home.settings().timescale)
    for one in refreshed:
        figures[f"{one.name} seconds"] = one.seconds
        figures[f"{one.name} stored until"] = str(one.stored_until or "computed when asked for")
    return dg.MaterializeResult(metadata=figures)


@_hot(
    names.HOT_COMPRESSION,
    names.HOT_AGGREGATES,
    "Closed chunks made small: compressed in place on the Community edition, handed over to the lake on the Apache "
    "edition. Either way the bytes before and after are TimescaleDB's and the lake's own, and plotted.",
)
def hot_compression(home: Home) -> dg.MaterializeResult[None]:
    """Compress or hand over, and say what it saves."""
    from pi5_pipelines.timescale.upkeep import shrink

    figures: Figures = {}
    with _timed(figures):
        _, saved = shrink(home.settings(), home.lake())
    return dg.MaterializeResult(metadata={**figures, **saving_figures(saved)})


def saving_figures(saved: "list[Saving]") -> Figures:
    """Before, after and ratio of each table, and of all together."""
    figures: Figures = {}
    for one in saved:
        figures |= {
            f"{one.table} bytes_before": one.before_bytes,
            f"{one.table} bytes_after": one.after_bytes,
            f"{one.table} ratio": one.ratio,
            f"{one.table} saved_pct": one.saved_pct,
            f"{one.table} chunks": one.chunks,
        }
    figures["bytes_before"] = sum(one.before_bytes for one in saved)
    figures["bytes_after"] = sum(one.after_bytes for one in saved)
    return figures


@_hot(
    names.HOT_TIERING,
    names.HOT_COMPRESSION,
    "Chunks older than the kept days, verified row by row in the lake and from then on read there; late rows are "
    "merged into the lake. Killed at any moment, no row is lost or read twice.",
)
def hot_tiering(home: Home) -> dg.MaterializeResult[None]:
    """Hand over what is old enough."""
    from pi5_pipelines.timescale.upkeep import hand_over

    figures: Figures = {}
    with _timed(figures):
        reports = hand_over(home.settings(), home.lake())
    figures["rows_handed_over"] = sum(one.rows for one in reports)
    figures["late_rows_merged"] = sum(one.late_rows for one in reports)
    figures["chunks_handed_over"] = sum(len(one.handed_over) for one in reports)
    figures |= {f"{one.table} watermark": str(one.watermark) for one in reports if one.watermark}
    return dg.MaterializeResult(metadata=figures)


@_hot(
    names.HOT_RETENTION,
    names.HOT_TIERING,
    "Chunks that an earlier night handed over, dropped after the lake was looked at once more; never one above "
    "the watermark.",
)
def hot_retention(home: Home) -> dg.MaterializeResult[None]:
    """Drop what the lake holds."""
    from pi5_pipelines.timescale.upkeep import drop

    figures: Figures = {}
    with _timed(figures):
        reports = drop(home.settings(), home.lake())
    figures |= {f"{name}_dropped": sum(getattr(one, name) for one in reports) for name in ("chunks", "rows")}
    figures["strays_kept"] = sum(one.strays for one in reports)
    return dg.MaterializeResult(metadata=figures)


@_hot(
    names.HOT_SIZES,
    names.HOT_RETENTION,
    "What the hot tier, its tables and the lake take after the night, noted day by day: from it the disk's end is "
    "told in advance.",
)
def hot_sizes(home: Home) -> dg.MaterializeResult[None]:
    """Measure and note."""
    from pi5_pipelines.timescale import connection, disk

    figures: Figures = {}
    with _timed(figures):
        settings = home.settings()
        with connection.connect(connection.access(settings.timescale)) as opened:
            found = disk.measure(opened, settings)
            figures |= {f"{table} bytes": size for table, size in disk.table_sizes(opened).items()}
    figures |= {"database_bytes": found.database_bytes, "lake_bytes": found.lake_bytes}
    if found.free_bytes is not None:
        figures["free_bytes"] = found.free_bytes
    return dg.MaterializeResult(metadata=figures)


ASSETS = [hot_bars, hot_aggregates, hot_compression, hot_tiering, hot_retention, hot_sizes]
