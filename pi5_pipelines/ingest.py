"""From sources into the lake: received bytes are kept, bars are made canonical, and every symbol is judged.

The order makes a kill at any moment harmless: raw files first, then tables that repeat to the same, and the note that a
raw file was taken last of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pi5_pipelines.durable import write_bytes_durably
from pi5_pipelines.errors import DataRangeError, InputFileError, UnknownNameError
from pi5_pipelines.sources import open_source
from pi5_pipelines.sources.base import Batch, Piece, Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    import polars as pl

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings
    from pi5_pipelines.sources.base import Source
    from trading.instrument import Instrument

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """What came in of one symbol: rows fetched, and what they were to the lake."""

    source: str
    symbol: str
    fetched: int
    inserted: int
    restated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not taken, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did; `versions` are the tables' versions after it."""

    symbols: tuple[SymbolReport, ...]
    refused: tuple[Refused, ...]
    versions: dict[str, int]

    @property
    def fetched(self) -> int:
        """All rows that came in."""
        return sum(report.fetched for report in self.symbols)

    @property
    def restated(self) -> int:
        """All bars that a source gave another value for."""
        return sum(report.restated for report in self.symbols)


def ingest(
    settings: Settings,
    lake: Lake,
    *,
    start: date | None = None,
    end: date | None = None,
    symbols: Sequence[str] = (),
    sources: Sequence[str] = (),
    progress: Progress | None = None,
) -> IngestReport:
    """Fetch what is missing (or, with `start` or `end`, those days anew) from the configured sources into the lake.

    Raises UnknownNameError for a symbol that no source offers and DataRangeError for days that none has. A refused
    file stands in the report and does not stop the others.
    """
    opened = [open_source(name, settings) for name in (sources or settings.ingest.sources)]
    wanted = tuple(symbols or settings.ingest.symbols)
    _check_symbols(wanted, opened)
    request = Request(lake.read("raw_files"), wanted, start, end, settings.ingest.start)
    reports: list[SymbolReport] = []
    refused: list[Refused] = []
    for position, source in enumerate(opened):
        if progress:
            progress(position, len(opened), f"source {source.name}")
        for batch in source.fetch(request):
            if batch.refused:
                refused.append(Refused(batch.refused, batch.reason))
                continue
            if not batch.pieces:
                continue
            try:
                reports += _take(settings, lake, batch)
            except InputFileError as error:
                refused.append(Refused(error.where, str(error)))
    if progress:
        progress(len(opened), len(opened), "done")
    if (start or end) and not reports and not refused:
        raise DataRangeError(
            f"no source has bars from {start or 'the beginning'} to {end or 'the end'}",
            where=f"sources {', '.join(source.name for source in opened)}",
            hint="ask for other days; `pi5 data show` tells what the lake holds",
        )
    versions = {info.name: info.version for info in lake.tables()}
    return IngestReport(tuple(reports), tuple(refused), versions)


def _check_symbols(wanted: Sequence[str], sources: Sequence[Source]) -> None:
    offered = sorted({symbol for source in sources for symbol in source.symbols()})
    unknown = [symbol for symbol in wanted if symbol not in offered]
    if unknown:
        raise UnknownNameError(
            f"no source offers {', '.join(unknown)}",
            where=f"sources {', '.join(source.name for source in sources)}",
            hint=f"they offer: {', '.join(offered) or 'nothing'}",
        )


def _take(settings: Settings, lake: Lake, batch: Batch) -> list[SymbolReport]:
    """Bring one batch in; raises InputFileError before anything is written."""
    import polars as pl

    from pi5_pipelines.lake.schema import bars_table
    from pi5_pipelines.market.bars import to_scaled
    from pi5_pipelines.quoting import quoted

    known = {row["symbol"]: row for row in lake.read("instruments").iter_rows(named=True)}
    instruments = {piece.symbol: quoted(settings, piece, known.get(piece.symbol)) for piece in batch.pieces}
    scaled = [
        to_scaled(piece.bars, instruments[piece.symbol], piece.file_name, stored=piece.symbol in known)
        for piece in batch.pieces
    ]
    for piece in batch.pieces:
        _keep_raw(lake.root, piece)
    lake.upsert("instruments", pl.DataFrame([_instrument_row(one) for one in instruments.values()]))
    actions = pl.concat([piece.actions for piece in batch.pieces])
    if actions.height:
        lake.upsert("corporate_actions", actions)
    note = {"source": batch.pieces[0].source, "symbols": ",".join(instruments)}
    report = lake.upsert(bars_table(settings.ingest.timeframe), pl.concat(scaled), note=note)
    _note_taken(lake, pl.DataFrame([_raw_row(piece) for piece in batch.pieces]))
    counts = {row["symbol"]: row for row in report.by_symbol.iter_rows(named=True)}
    return [
        SymbolReport(
            piece.source,
            piece.symbol,
            piece.bars.height,
            counts[piece.symbol]["inserted"],
            counts[piece.symbol]["restated"],
            counts[piece.symbol]["unchanged"],
        )
        for piece in batch.pieces
    ]


def _keep_raw(root: Path, piece: Piece) -> None:
    path = root / piece.raw_path
    if not path.exists():
        write_bytes_durably(path, piece.data)


def _note_taken(lake: Lake, rows: pl.DataFrame) -> None:
    """Write down what was taken; a file of which some days are taken anew stays taken as a whole."""
    import polars as pl

    noted = lake.read("raw_files").select("source", "path", since="first_ts", until="last_ts")
    both = rows.join(noted, on=["source", "path"], how="left", maintain_order="left")
    within = (pl.col("since") <= pl.col("first_ts")) & (pl.col("last_ts") <= pl.col("until"))
    fresh = both.filter(~within.fill_null(value=False)).select(rows.columns)
    if fresh.height:
        lake.upsert("raw_files", fresh)


def _raw_row(piece: Piece) -> dict[str, Any]:
    return {
        "source": piece.source,
        "symbol": piece.symbol,
        "path": piece.raw_path,
        "sha256": piece.sha256,
        "bytes": len(piece.data),
        "rows": piece.bars.height,
        "first_ts": piece.bars["ts"].min(),
        "last_ts": piece.bars["ts"].max(),
    }


def _instrument_row(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "tick_size": str(instrument.tick_size),
        "price_scale": instrument.price_scale,
        "size_scale": instrument.size_scale,
        "lot": str(instrument.lot),
        "currency": instrument.currency,
        "calendar": instrument.calendar,
        "venue": instrument.venue,
    }


def check(settings: Settings, lake: Lake) -> pl.DataFrame:
    """Judge every symbol's bars and write table `verdicts` (no new version when nothing changed); answers its rows."""
    import polars as pl

    from pi5_pipelines.lake.schema import bars_table
    from pi5_pipelines.market.quality import verdicts

    table = bars_table(settings.ingest.timeframe)
    bars = lake.read(table)
    calendars = dict(lake.read("instruments").select("symbol", "calendar").iter_rows())
    rows = []
    for (symbol,), mine in bars.partition_by("symbol", as_dict=True).items():
        days = _sessions(calendars[str(symbol)], mine)
        limit = settings.quality.max_missing_sessions
        rows.append(verdicts(table, str(symbol), mine, days, max_missing_sessions=limit))
    if not rows:
        raise DataRangeError("there are no bars to check", where=f"lake table {table}", hint="run `pi5 ingest` first")
    found = pl.concat(rows)
    others = lake.read("verdicts").filter(pl.col("table") != table)
    lake.replace("verdicts", pl.concat([others, found]))
    return found


def _sessions(calendar: str, bars: pl.DataFrame) -> tuple[date, ...] | str:
    """The exchange's days within one symbol's bars, or why they are not known: that is this symbol's trouble alone."""
    from pi5_pipelines.market.calendars import sessions

    first, last = bars["ts"].min(), bars["ts"].max()
    try:
        return sessions(calendar, first.date(), last.date())  # type: ignore[union-attr]
    except DataRangeError as error:
        return str(error)
