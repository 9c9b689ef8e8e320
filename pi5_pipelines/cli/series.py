"""The bars that a command runs on, as options name them: files or symbols of the lake, days, adjustment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - the fields are read at run time
from pathlib import Path  # noqa: TC003 - as above
from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.options import FILE, check_range, day_range, gathered
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.cli.app import App
    from pi5_pipelines.sweep.job import LoadRequest

IN_LAKE = "1d"  # the timeframe of bars from the lake, unless another is asked for


@dataclass(frozen=True, slots=True)
class Series:
    """What the options say; making one raises OptionError unless they name bars, each once, from one kind of source."""

    files: tuple[Path, ...]
    symbols: tuple[str, ...]
    timeframe: str | None
    start: date | None
    end: date | None
    adjust: str | None

    def __post_init__(self) -> None:
        check_range(self.start, self.end)
        if bool(self.files) == bool(self.symbols):
            raise OptionError(
                "give either --bars FILE or --symbol SYM" if self.files else "no bars to run on",
                where=click.get_current_context().command_path,
                hint="--bars FILE for your own prices, --symbol SYM for those of the lake",
            )
        names = [str(path) for path in self.files] or list(self.symbols)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            where = "--bars" if self.files else "--symbol"
            raise OptionError(f"{twice[0]} is given twice", where=where, hint="name it once")
        if self.files and self.adjust not in {None, "none"}:
            raise OptionError(
                "a file brings no splits or dividends to adjust by",
                where=f"--adjust {self.adjust}",
                hint="leave it out, or `pi5 ingest` the file and use --symbol",
            )

    @property
    def sources(self) -> int:
        """How many files or symbols there are."""
        return len(self.files) + len(self.symbols)

    @property
    def adjustment(self) -> str:
        """How prices from the lake are adjusted."""
        return self.adjust or "total-return"

    def load(self, app: App) -> list[Bars]:
        """The bars of every file or symbol; raises InputFileError, UnknownNameError or DataRangeError."""
        from pi5_pipelines.backtest.bars import bars_from_file, bars_from_lake
        from pi5_pipelines.errors import DataRangeError

        start, end = self.start, self.end
        if self.files:
            return [bars_from_file(path, self.timeframe, start=start, end=end) for path in self.files]
        timeframe = self.timeframe or IN_LAKE
        if app.lake.version(f"bars_{timeframe}") is None:
            raise DataRangeError(
                f"the lake has no {timeframe} bars yet", where=str(app.lake.root), hint="run `pi5 ingest` first"
            )
        return [
            bars_from_lake(app.lake, name, timeframe, start=start, end=end, adjust=self.adjustment)
            for name in self.symbols
        ]

    def request(self, app: App) -> LoadRequest:
        """The same for the process that reads a sweep's bars."""
        from pi5_pipelines.sweep.job import LoadRequest

        config = app.config_file()
        return LoadRequest(
            folder="",
            config=str(config) if config else None,
            files=tuple(str(path) for path in self.files),
            symbols=self.symbols,
            timeframe=self.timeframe,
            start=self.start.isoformat() if self.start else None,
            end=self.end.isoformat() if self.end else None,
            adjust=self.adjustment,
        )


series_options = gathered(
    "series",
    Series,
    click.option("--bars", "files", type=FILE, multiple=True, metavar="FILE", help="CSV or Parquet; again for more."),
    click.option("--symbol", "symbols", multiple=True, help="From the lake; again for more."),
    click.option("--timeframe", type=click.Choice(list(SECONDS)), help="1d from the lake; a file tells its own."),
    day_range,
    click.option(
        "--adjust",
        type=click.Choice(["none", "splits", "total-return"]),
        help="Prices from the lake; total-return unless given. A file is taken as it is.",
    ),
)
