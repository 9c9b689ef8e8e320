"""Real daily prices of four stocks, 2000 to 2013, from the package bokeh-sampledata: for the demo and the tests."""

from __future__ import annotations

import gzip
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.errors import ConfigError, SourceError
from pi5_pipelines.sources.base import Batch, Piece, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from pi5_pipelines.settings import Settings

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
TIMEFRAME = "1d"
FILE = Path("_data") / "stocks.csv.gz"


def open_source(settings: Settings) -> Sample:
    """The package's prices; raises ConfigError where other bars than daily ones are wanted."""
    if settings.ingest.timeframe != TIMEFRAME:
        raise ConfigError(
            f"source sample has daily bars only, not {settings.ingest.timeframe}",
            where="pi5.toml, ingest",
            hint='set timeframe = "1d", or take sample out of sources',
        )
    return Sample()


class Sample:
    """The package's table of daily bars; a symbol's rows are handed over as the lines they are."""

    name = "sample"

    def symbols(self) -> list[str]:
        """The four symbols."""
        return list(SYMBOLS)

    def fetch(self, request: Request) -> Iterator[Batch]:
        """One batch with every symbol that has rows not received before, or rows in the asked-for days."""
        wanted = [symbol for symbol in SYMBOLS if not request.symbols or symbol in request.symbols]
        received = {symbol: _received(request.known, symbol) for symbol in wanted}
        header, lines = _read_lines()
        pieces = []
        for symbol in wanted:
            rows = [line for line in lines if line.startswith(f"{symbol},") and _asked(line, request, received[symbol])]
            if rows:
                pieces.append(_piece(symbol, header, rows, [row for row in lines if row.startswith(f"{symbol},")]))
        if pieces:
            yield Batch(pieces)


def _received(known: pl.DataFrame, symbol: str) -> list[tuple[date, date]]:
    """The spans of days of one symbol that were received before."""
    import polars as pl

    mine = known.filter((pl.col("source") == Sample.name) & (pl.col("symbol") == symbol))
    return list(mine.select(pl.col("first_ts").dt.date(), pl.col("last_ts").dt.date()).iter_rows())


def _asked(line: str, request: Request, received: list[tuple[date, date]]) -> bool:
    day = date.fromisoformat(line.split(",", 2)[1])
    return request.wants(day) and (request.anew or not any(first <= day <= last for first, last in received))


def _read_lines() -> tuple[str, list[str]]:
    package = find_spec("bokeh_sampledata")
    if package is None or package.origin is None:
        raise SourceError(
            "the package bokeh-sampledata is not installed",
            where="source sample",
            hint="install it (`pip install 'pi5[sample]'`), or take sample out of ingest.sources in pi5.toml",
        )
    path = Path(package.origin).parent / FILE
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            header, *lines = file.read().splitlines()
    except (OSError, EOFError, ValueError) as error:
        raise SourceError(f"cannot be read: {error}", where=str(path), hint="reinstall bokeh-sampledata") from error
    return header, lines


def _piece(symbol: str, header: str, rows: list[str], history: list[str]) -> Piece:
    """The rows as a piece; actions need the row before each, so they are read off the whole history."""
    import polars as pl

    from pi5_pipelines.market.actions import actions_of

    bars = _parse(header, rows)
    actions = actions_of(symbol, _parse(header, history)).filter(pl.col("ts").is_in(bars["ts"].implode()))
    first, last = (str(bars["ts"][row])[:10] for row in (0, -1))
    data = "\n".join([header, *rows, ""]).encode()
    return Piece(Sample.name, symbol, f"{symbol}_{first}_{last}.csv", data, bars, actions)


def _parse(header: str, rows: list[str]) -> pl.DataFrame:
    import polars as pl

    frame = pl.read_csv("\n".join([header, *rows]).encode(), infer_schema=False)
    numbers = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"}
    return frame.select(
        pl.col("Date").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC").alias("ts"),
        *(pl.col(name).cast(pl.Float64).alias(new) for name, new in numbers.items()),
        pl.col("Adj Close").cast(pl.Float64).alias("adj_close"),
    ).sort("ts")
