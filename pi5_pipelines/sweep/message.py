"""What a sweep's processes report to the command: one JSON object a line on stdout."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from pi5_pipelines import errors
from pi5_pipelines.errors import Pi5Error, SweepError
from pi5_pipelines.sweep.job import BarsFile  # noqa: TC001 - msgspec reads the annotations


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One report; only what is set is meant. `progress` is done and total, `waiting` why it holds ("" goes on)."""

    progress: tuple[int, int] | None = None
    waiting: str | None = None
    note: str | None = None
    bars: list[BarsFile] | None = None
    result: dict[str, Any] | None = None
    gave_up: bool = False
    error: tuple[str, str, str, str] | None = None

    @classmethod
    def of_error(cls, error: Pi5Error) -> Message:
        """An error of the tree, to be raised again on the other side."""
        return cls(error=(type(error).__name__, error.what, error.where, error.hint))

    def raised(self) -> Pi5Error | None:
        """The error that the message holds."""
        if self.error is None:
            return None
        name, what, where, hint = self.error
        kind = getattr(errors, name, SweepError)
        found: Pi5Error = kind(what, where=where, hint=hint)
        return found


def say(message: Message) -> None:
    """Send a message."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()
