"""The process that fetches a sweep's bars: readers of tables take memory, and take it with them when they end."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.backtest.bars import COLUMNS, bars_from_file, bars_from_lake, digest, label
from pi5_pipelines.errors import DataRangeError, Pi5Error
from pi5_pipelines.sweep.job import BarsFile, LoadRequest
from pi5_pipelines.sweep.message import Message, say

if TYPE_CHECKING:
    from pi5_pipelines.backtest.bars import Bars

IN_LAKE = "1d"


def fetch(request: LoadRequest) -> list[Bars]:
    """The bars that are asked for; raises InputFileError, UnknownNameError or DataRangeError."""
    start = date.fromisoformat(request.start) if request.start else None
    end = date.fromisoformat(request.end) if request.end else None
    if request.files:
        return [bars_from_file(Path(path), request.timeframe, start=start, end=end) for path in request.files]
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import load_settings

    lake = Lake(load_settings(Path(request.config) if request.config else None).folder("lake"))
    timeframe = request.timeframe or IN_LAKE
    if lake.version(f"bars_{timeframe}") is None:
        raise DataRangeError(
            f"the lake has no {timeframe} bars yet", where=str(lake.root), hint="run `pi5 ingest` first"
        )
    return [
        bars_from_lake(lake, name, timeframe, start=start, end=end, adjust=request.adjust) for name in request.symbols
    ]


def keep(bars: Bars, path: Path) -> BarsFile:
    """Write one symbol's bars as a numpy file; times are kept bit for bit in a row of their own."""
    import numpy as np

    rows = [bars.ts_us.view(np.float64), *(getattr(bars, name) for name in COLUMNS)]
    if bars.dividends is not None:
        rows.append(bars.dividends)
    np.save(path, np.vstack(rows))
    return BarsFile(
        path=str(path),
        symbol=bars.symbol,
        timeframe=bars.timeframe,
        lot=bars.lot,
        tick=bars.tick,
        calendar=bars.calendar,
        bars=len(bars),
        start=label(bars.ts_us[0], bars.timeframe),
        end=label(bars.ts_us[-1], bars.timeframe),
        input=bars.input,
        dividends="" if bars.dividends is None else digest(bars.dividends),
    )


def main() -> int:
    """Serve one request from stdin."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=LoadRequest)
    try:
        loaded = fetch(request)
        files = [keep(one, Path(request.folder) / f"{place}.npy") for place, one in enumerate(loaded)]
    except Pi5Error as error:
        say(Message.of_error(error))
        return 1
    say(Message(bars=files))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
