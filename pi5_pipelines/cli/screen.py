"""How results reach the terminal: tables for people, one document for machines, bars of progress on the side."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.table import Table
    from rich.text import Text


UNITS = ("B", "KB", "MB", "GB", "TB")
MANY_ROWS = 1_000  # beyond them a table is only aligned: rich looks at every cell, which takes a millisecond a row
PIPE_WIDTH = 160  # columns of a table that goes into a file or a pipe, whatever terminal it was started from


def emit(document: object) -> None:
    """Print one JSON document on stdout; undefined numbers become null, dates ISO text."""
    click.echo(json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:  # noqa: ANN401 - any value that a table or a document holds
    """The JSON form of a value."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def keep_stderr() -> None:
    """Keep a process's stderr for our own lines: on a full disk the lake's native threads write panics straight to it.

    They do so even after the error line, so it lasts until the process ends.
    """
    try:
        native = sys.stderr.fileno()
    except OSError:  # stderr is no file: we are called from within another program
        return
    own = os.dup(native)
    sys.stderr = open(own, "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115 - a handle, kept open
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, native)
    os.close(nowhere)


def show(*parts: object) -> None:
    """Print tables and lines for people on stdout; colours only on a terminal."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> NoReturn:
            raise BrokenPipeError

    on_terminal = sys.stdout.isatty()
    width = None if on_terminal else PIPE_WIDTH
    # Names and reasons may hold anything: no markup, no emoji codes.
    screen = Screen(highlight=False, markup=False, emoji=False, width=width, soft_wrap=not on_terminal)
    for part in parts:
        if isinstance(part, Aligned):
            click.echo(part.text)
        else:
            screen.print(part)


@dataclass(frozen=True, slots=True)
class Aligned:
    """A long table as lines of text."""

    text: str


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()
) -> Table | Aligned:
    """A table for `show`; the columns in `numbers` stand to the right."""
    cells = [[text(value) for value in row] for row in rows]
    if len(cells) > MANY_ROWS:
        return _aligned(title, columns, cells, numbers)
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in cells:
        made.add_row(*row)
    return made


def _aligned(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], numbers: Sequence[str]) -> Aligned:
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    sides = [">" if column in numbers else "<" for column in columns]

    def line(row: Sequence[str]) -> str:
        return " " + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))

    head = [title] * bool(title) + [line(columns), " " + "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (len(line(columns)) - 1)]
    return Aligned("\n".join([*head, *map(line, cells)]))


def labelled(label: str, value: str, style: str = "") -> Text:
    """A line for `show` that starts with a word in bold, or is an indented line in a style."""
    from rich.text import Text

    return Text.assemble((f"{label:<8}", "bold"), (value, style))


def text(value: object) -> str:
    """A cell: numbers with two decimals and thousands set apart, nothing for what is not defined."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def size(count: float) -> str:
    """Bytes as people read them."""
    thousands = max(0, min(len(UNITS) - 1, int(math.log10(max(count, 1.0)) / 3)))
    return f"{count / 1e3**thousands:.{min(thousands, 1)}f} {UNITS[thousands]}"


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr, only on a terminal; yields the function that moves it: done, total, what is being done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(label, total=None)

        def move(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what or label)

        yield move


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on stderr, only on a terminal, for work that cannot say how far it is."""
    from rich.console import Console

    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield
        return
    with screen.status(what):
        yield
