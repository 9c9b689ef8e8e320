"""Bars as the backtester takes them: one symbol's columns as float arrays, and where they came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import DataRangeError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from pi5_pipelines.lake.table import Lake

COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Bars:
    """One symbol's bars in time order: `ts_us` in UTC microseconds, prices and volume as real numbers.

    `input` says where they came from, to find the very same bars again: a lake table with its version and the
    adjustment, or a file with its sha256; `sha256` in it is the hash of the arrays themselves. `tick` is 0 where any
    price is allowed; `dividends` are money a share at the bar that goes ex, where prices still hold them.
    """

    symbol: str
    timeframe: str
    ts_us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    input: dict[str, Any]
    lot: float = 1.0
    calendar: str = "XNYS"
    tick: float = 0.0
    dividends: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return int(self.ts_us.size)


def label(ts_us: int, timeframe: str) -> str:
    """The ISO date of a bar's open, with the time for bars shorter than a day."""
    moment = datetime.fromtimestamp(int(ts_us) / 1e6, tz=UTC)
    return moment.date().isoformat() if timeframe == "1d" else moment.isoformat()


def digest(*arrays: NDArray[Any]) -> str:
    """The sha256 of arrays' bytes, in order."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(array.tobytes())
    return total.hexdigest()


def from_frame(frame: pl.DataFrame, symbol: str, timeframe: str, origin: dict[str, Any], **traits: Any) -> Bars:  # noqa: ANN401
    """Bars from a float frame with ts, open, high, low, close, volume, sorted by time."""
    import numpy as np
    import polars as pl

    ts_us = frame["ts"].dt.epoch("us").to_numpy().astype(np.int64)
    open_, high, low, close, volume = (frame[name].cast(pl.Float64).to_numpy().astype(np.float64) for name in COLUMNS)
    marked = {**origin, "sha256": digest(ts_us, open_, high, low, close, volume)}
    return Bars(symbol, timeframe, ts_us, open_, high, low, close, volume, marked, **traits)


def bars_from_lake(
    lake: Lake,
    symbol: str,
    timeframe: str = "1d",
    *,
    start: date | None = None,
    end: date | None = None,
    adjust: str = "total-return",
    version: int | None = None,
    actions_version: int | None = None,
) -> Bars:
    """One symbol's bars from the lake, adjusted on read; raises UnknownNameError or DataRangeError.

    `version` and `actions_version` pick older versions of the bars and of the corporate actions.
    """
    found = bars_of_symbols(
        lake, [symbol], timeframe, adjust=adjust, version=version, actions_version=actions_version, start=start, end=end
    )
    if symbol not in found:
        known = lake.read("instruments")["symbol"].to_list()
        raise UnknownNameError(
            f"no bars of {symbol!r}",
            where=f"lake table bars_{timeframe}",
            hint=f"there are: {', '.join(known) or 'none'}",
        )
    return found[symbol]


def bars_of_symbols(
    lake: Lake,
    symbols: Sequence[str],
    timeframe: str = "1d",
    *,
    start: date | None = None,
    end: date | None = None,
    adjust: str = "total-return",
    version: int | None = None,
    actions_version: int | None = None,
) -> dict[str, Bars]:
    """The bars of those symbols that the lake has, all of one version and read at once; raises as `bars_from_lake`."""
    from pi5_pipelines.backtest.dividends import dividends_by_bar
    from pi5_pipelines.market.adjust import adjusted
    from pi5_pipelines.market.bars import to_real

    table = f"bars_{timeframe}"
    origin: dict[str, Any] = {
        "table": table,
        "version": lake.version(table) if version is None else version,
        "adjust": adjust,
    }
    parts = lake.read(table, version=version, symbols=symbols).partition_by("symbol", as_dict=True)
    instruments = {row["symbol"]: row for row in lake.read("instruments", symbols=symbols).iter_rows(named=True)}
    actions = None
    if adjust != "none" and lake.version("corporate_actions") is not None:
        origin["actions_version"] = lake.version("corporate_actions") if actions_version is None else actions_version
        actions = lake.read("corporate_actions", version=origin["actions_version"], symbols=symbols)
    found = {}
    for name in (name for name in symbols if (name,) in parts):
        traits = instruments[name]
        real = to_real(parts[name,], int(traits["price_scale"]), int(traits["size_scale"]))
        own = None if actions is None else actions.filter(symbol=name)
        if own is not None:
            real = adjusted(real, own, adjust)
        real = cut(real, start, end, f"{name} in lake table {table}")
        quoted: dict[str, Any] = {"lot": float(traits["lot"]), "calendar": str(traits["calendar"])}
        # Adjusted prices lie off the grid that orders were quoted on; dividends are in prices until taken out.
        quoted["tick"] = float(traits["tick_size"]) if adjust == "none" else 0.0
        quoted["dividends"] = dividends_by_bar(real, own) if own is not None and adjust == "splits" else None
        found[name] = from_frame(real, name, timeframe, {"symbol": name, **origin}, **quoted)
    return found


def bars_from_file(
    path: Path, timeframe: str | None = None, *, start: date | None = None, end: date | None = None
) -> Bars:
    """One symbol's bars from a CSV or Parquet file, unadjusted; raises InputFileError or DataRangeError.

    Without `timeframe` it is told from the times' spacing; one that contradicts them is refused.
    """
    from pi5_pipelines.errors import InputFileError
    from pi5_pipelines.market.quality import positive_prices
    from pi5_pipelines.sources.tabular import read_ohlcv

    if not path.is_file():
        what = "is a folder or a device, not a file" if path.exists() else "no such file"
        raise InputFileError(what, where=str(path), hint="give a CSV or Parquet file")
    frame = read_ohlcv(path)
    symbols = frame["symbol"].unique().to_list() if "symbol" in frame.columns else [path.name.split(".")[0]]
    if len(symbols) != 1:
        raise InputFileError(
            f"holds {len(symbols)} symbols", where=str(path), hint="give a file with one, or drop it into the inbox"
        )
    worthless = positive_prices(frame)
    if worthless.count:
        raise InputFileError(worthless.detail, where=str(path), hint="mend the file, or take those rows out")
    found = spacing(frame)
    if timeframe is not None and found not in {None, timeframe}:
        raise InputFileError(
            f"its bars are {found} apart, not {timeframe}", where=str(path), hint="leave --timeframe out"
        )
    origin = {
        "symbol": symbols[0],
        "file": path.absolute().as_posix(),
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "adjust": "none",
    }
    return from_frame(cut(frame, start, end, str(path)), str(symbols[0]), timeframe or found or "1d", origin)


def spacing(frame: pl.DataFrame) -> str | None:
    """The timeframe that bars most often are apart; None when they are too few, or apart as none is."""
    import polars as pl

    from trading.timeframe import SECONDS

    gaps = frame["ts"].diff().drop_nulls().dt.total_seconds()
    common = gaps.to_frame("s").group_by("s").len().sort("len", pl.col("s") * -1, descending=True)
    return next((name for name, length in SECONDS.items() if common.height and length == common["s"][0]), None)


def cut(frame: pl.DataFrame, start: date | None, end: date | None, where: str) -> pl.DataFrame:
    """The rows from `start` to `end`, both inclusive; raises DataRangeError when there are none."""
    import polars as pl

    first, last = frame["ts"].min(), frame["ts"].max()
    if start is not None:
        frame = frame.filter(pl.col("ts").dt.date() >= start)
    if end is not None:
        frame = frame.filter(pl.col("ts").dt.date() <= end)
    if frame.is_empty():
        raise DataRangeError(
            f"no bars from {start or 'the beginning'} to {end or 'the end'}",
            where=where,
            hint=f"there are bars from {str(first)[:10]} to {str(last)[:10]}",
        )
    return frame
