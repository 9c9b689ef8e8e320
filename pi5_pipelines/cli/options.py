"""Options that several commands share, and how their values are checked."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pi5_pipelines.cli.failure import OptionError
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable


class Day(click.ParamType[date]):
    """A calendar day in ISO form."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day; refuses anything but YYYY-MM-DD."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as YYYY-MM-DD", param, ctx)


F = TypeVar("F", bound="Callable[..., object]")

FILE = click.Path(path_type=Path)

json_flag = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, for machines.")


def day_range(command: F) -> F:
    """Add `--start` and `--end`, both inclusive."""
    end = click.option("--end", type=Day(), metavar="YYYY-MM-DD", help="Last day.")
    start = click.option("--start", type=Day(), metavar="YYYY-MM-DD", help="First day.")
    return start(end(command))


def series_options(command: F) -> F:
    """Add what names the bars of a run: files or symbols, timeframe, days, adjustment."""
    for option in (
        click.option(
            "--adjust",
            type=click.Choice(["none", "splits", "total-return"]),
            help="Prices from the lake; total-return unless given. A file is taken as it is.",
        ),
        day_range,
        click.option("--timeframe", type=click.Choice(list(SECONDS)), help="1d from the lake; a file tells its own."),
        click.option("--symbol", "symbols", multiple=True, help="From the lake; again for more."),
        click.option(
            "--bars", "files", type=FILE, multiple=True, metavar="FILE", help="CSV or Parquet; again for more."
        ),
    ):
        command = option(command)
    return command


def rule_options(command: F) -> F:
    """Add the fields of BacktestSpec by their names: money, costs, and how fills are made."""
    for option in (
        click.option("--close-at-end/--leave-open", default=True, show_default=True, help="The last position."),
        click.option("--direction", type=click.Choice(["both", "long"]), default="both", show_default=True),
        click.option("--sizing", default="all-in", show_default=True, metavar="all-in|all-in-fractional|units=N"),
        click.option("--fill", type=click.Choice(["next-open", "close"]), default="next-open", show_default=True),
        click.option("--slippage-bps", type=float, default=0.0, show_default=True, help="Against you, at every fill."),
        click.option("--fee-bps", type=float, default=0.0, show_default=True, help="Per side, on the value traded."),
        click.option("--cash", type=float, default=10_000.0, show_default=True),
    ):
        command = option(command)
    return command


def check_range(start: date | None, end: date | None) -> None:
    """Raise OptionError when a range ends before it begins."""
    if start is not None and end is not None and start > end:
        raise OptionError(f"{start} is later than {end}", where="--start and --end", hint="swap them")


def check_writable_target(path: Path | None, option: str) -> None:
    """Raise OptionError when a file to be written cannot be one, before any work is done for it."""
    if path is None:
        return
    if path.is_dir():
        raise OptionError(f"{path} is a folder", where=option, hint="give the path of a file")
    if is_device(path):
        return
    folder = path.resolve().parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OptionError(
            f"{folder} cannot be written to: {os.strerror(error.errno or 0)}",
            where=f"{option} {path}",
            hint="give a path in a folder that is there and yours",
        ) from error


def write_target(path: Path, data: bytes) -> None:
    """Write a file that the user named, whole or not at all; a device or a pipe is written into, never replaced."""
    from pi5_pipelines.durable import write_bytes_durably

    if is_device(path):
        path.write_bytes(data)
    else:
        write_bytes_durably(path.resolve(), data)


def is_device(path: Path) -> bool:
    """Whether a path leads to something that is no file: /dev/stdout, /dev/null, a named pipe."""
    return path.exists() and not path.is_file()
