"""Options that several commands share, and how their values are checked."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, fields
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pi5_pipelines.cli.failure import OptionError

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


def gathered(into: str, make: Callable[..., object], *options: Callable[[F], F]) -> Callable[[F], F]:
    """A decorator that adds options, and hands the command one object made of their values, called `into`.

    `make` is a dataclass whose fields are named as the options are.
    """
    names = [field.name for field in fields(make)]  # type: ignore[arg-type]  # a dataclass's type

    def add(command: F) -> F:
        @wraps(command)
        def run(*arguments: object, **given: object) -> object:
            made = make(**{name: given.pop(name) for name in names})
            return command(*arguments, **given, **{into: made})

        for option in reversed(options):
            run = option(run)
        return run  # type: ignore[return-value]  # as above

    return add


@dataclass(frozen=True, slots=True)
class Output:
    """Where an answer goes besides the screen; making one raises OptionError for files that cannot be written."""

    report: Path | None
    json_path: str | None

    def __post_init__(self) -> None:
        check_writable_target(self.report, "--report")
        check_writable_target(self.json_file, "--json")

    @property
    def json_file(self) -> Path | None:
        """The file that takes the JSON; None for stdout, and where none is asked for."""
        return Path(self.json_path) if self.json_path not in {None, "-"} else None

    @property
    def json_only(self) -> bool:
        """Whether stdout gets the JSON and nothing else."""
        return self.json_path == "-"

    def written(self) -> list[str]:
        """A line for each file."""
        return [f"Written: {path}" for path in (self.json_file, self.report) if path is not None]


def output_options(report: str) -> Callable[[F], F]:
    """Add `--report`, whose help is given, and `--json`."""
    return gathered(
        "output",
        Output,
        click.option("--report", type=FILE, metavar="PATH.html", help=report),
        click.option("--json", "json_path", metavar="PATH|-", help="Write all of it as JSON to a file, or to stdout."),
    )


@dataclass(frozen=True, slots=True)
class Ranges:
    """Which combinations of parameters are tried."""

    params: tuple[str, ...]
    where: str | None


range_options = gathered(
    "ranges",
    Ranges,
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUES",
        help="Values to try: LOW:HIGH:STEP (HIGH included when hit), A,B,C or one number; again for more.",
    ),
    click.option("--where", metavar="CONDITION", help="Which combinations to try, as in 'fast*2 < slow'."),
)


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
