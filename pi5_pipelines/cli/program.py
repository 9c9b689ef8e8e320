"""The outer shell of `pi5`: whatever happens inside ends in a line, a document if asked for, and an exit code."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from pi5_pipelines.cli.app import App
from pi5_pipelines.cli.failure import BAD_INPUT, DONE, INTERRUPTED, NO_READER, Failure, failure_of, unforeseen
from pi5_pipelines.cli.screen import emit

if TYPE_CHECKING:
    from collections.abc import Sequence


class Program(click.Group):
    """A group whose commands answer an exit code (None: 0) and may raise anything."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command answers
        """Run the command; click would take a reader that went away for success."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return drop_output()

    def main(  # type: ignore[override]  # it always leaves the process
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> NoReturn:
        """Run a command line and leave the process with its exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        speak_utf8()
        app, as_json = App(), wants_json(arguments)
        try:
            answer = super().main(arguments, prog_name or "pi5", **{**extra, "standalone_mode": False, "obj": app})
            sys.stdout.flush()
            code = answer if isinstance(answer, int) else DONE
        except (click.Abort, KeyboardInterrupt):
            code = tell(Failure(INTERRUPTED, "interrupted"), as_json=as_json)
        except BrokenPipeError:
            code = drop_output()
        except NoArgsIsHelpError as error:
            error.show()
            code = BAD_INPUT
        except Exception as error:  # noqa: BLE001 - the last line of defence: it writes the traceback down
            code = tell(failure_of(error) or unforeseen(error, write_log(app)), as_json=as_json)
        sys.exit(code)


def speak_utf8() -> None:
    """Make both streams UTF-8, whatever the locale says; a file name that is no UTF-8 shows its bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Under PYTHONUNBUFFERED a write that a closed pipe cut short would count as done.
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", write_through=True
        )


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether stdout belongs to a machine: `--json`, and for commands that take a path for it `--json -`."""
    if {"backtest", "sweep", "walkforward"} & set(arguments):
        return "--json=-" in arguments or ("--json", "-") in pairwise(arguments)
    return "--json" in arguments


def tell(failure: Failure, *, as_json: bool) -> int:
    """Print a failure and answer its exit code."""
    try:
        if as_json:
            emit(failure.document)
        click.echo(failure.line, err=True)
    except BrokenPipeError:
        drop_output()
    return failure.code


def drop_output() -> int:
    """Send what is still buffered to nowhere, so that the interpreter's last flush stays quiet too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return NO_READER


def write_log(app: App) -> Path:
    """Write the present traceback to the home's logs, or to the system's temporary folder if that fails."""
    from pi5_pipelines.durable import write_bytes_durably

    name = f"pi5-error-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.log"
    content = f"pi5 {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}".encode(errors="backslashreplace")
    try:
        log = app.settings.folder("logs") / name
        write_bytes_durably(log, content)
    except Exception:  # noqa: BLE001 - the home may be the very thing that is broken
        log = Path(tempfile.gettempdir()) / name
        write_bytes_durably(log, content)
    return log
