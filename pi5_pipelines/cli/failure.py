"""From an exception to one line for people, one document for machines, and an exit code for scripts."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pi5_pipelines.errors import (
    ConfigError,
    DataRangeError,
    InputFileError,
    Pi5Error,
    RowsRefusedError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from pathlib import Path

DONE, FAILED, BAD_INPUT, UNEXPECTED, INTERRUPTED, NO_READER = 0, 1, 2, 70, 130, 141

EXIT_CODES = (
    (DONE, "done"),
    (FAILED, "the operation failed, or a check did not pass"),
    (BAD_INPUT, "an option, a file or the configuration is wrong; nothing was written"),
    (UNEXPECTED, "an error in pi5 itself; the line on stderr names the file with the details"),
    (INTERRUPTED, "interrupted (Ctrl-C)"),
    (NO_READER, "whoever read the output went away"),
)

# What the machine refuses, not what we did wrong: a traceback would help nobody.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EISDIR, errno.ENOTDIR}


class OptionError(Pi5Error):
    """An option of the command line, or two together, are wrong."""


WRONG_INPUT = (OptionError, ConfigError, UnknownNameError, InputFileError, DataRangeError, RowsRefusedError)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a command ends with when it cannot do its work."""

    code: int
    what: str
    where: str = ""
    hint: str = ""

    @property
    def line(self) -> str:
        """`error: <where>: <what> (<hint>)`, always one line."""
        return " ".join(f"error: {Pi5Error(self.what, where=self.where, hint=self.hint)}".split())

    @property
    def document(self) -> dict[str, dict[str, str]]:
        """The same for machines."""
        return {"error": {"what": self.what, "where": self.where, "hint": self.hint}}


def failure_of(error: BaseException) -> Failure | None:
    """The failure that an exception stands for; None when nobody foresaw it."""
    if isinstance(error, Pi5Error):
        code = BAD_INPUT if isinstance(error, WRONG_INPUT) else FAILED
        return Failure(code, error.what, error.where, error.hint)
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return Failure(error.exit_code, error.format_message())
    if isinstance(error, OSError) and error.errno in MACHINE:
        what = os.strerror(error.errno or 0)
        return Failure(FAILED, what, str(error.filename or ""), "`pi5 doctor` looks at the disk and the rights")
    return None


def unforeseen(error: BaseException, log: Path) -> Failure:
    """The failure of an error in our own code, whose traceback lies in `log`."""
    return Failure(
        UNEXPECTED, f"{type(error).__name__}: {error}", "pi5", f"this should not happen; the details are in {log}"
    )


def _usage(error: click.UsageError) -> Failure:
    command = error.ctx.command_path if error.ctx else "pi5"
    hint = f"see `{command} --help`"
    if (
        isinstance(error, click.BadParameter)
        and error.param is not None
        and not isinstance(error, click.MissingParameter)
    ):
        return Failure(BAD_INPUT, error.message, f"{command} {option_name(error.param)}", hint)
    return Failure(BAD_INPUT, error.format_message().rstrip("."), command, hint)


def option_name(parameter: click.Parameter) -> str:
    """How the user wrote a parameter: `--start` for an option, `TABLE` for an argument."""
    return parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.human_readable_name)
