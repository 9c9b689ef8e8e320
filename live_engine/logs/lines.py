"""One line of text for one thing that happened: JSON for programs, plain text for people and for journald."""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from live_engine.logs.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_MESSAGE = 8_192
LONGEST_ERROR = 16_384
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# syslog(3); journald reads it off the front of a line
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG_PRIORITY = 7


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a record: `at` is UTC, `error` a traceback, its end if it is long."""

    at: str
    level: str
    logger: str
    message: str
    error: str = ""


def entry_of(record: logging.LogRecord) -> Entry:
    """Read a record at once, in the thread that made it: what it points to may change.

    Secrets are taken out where a line is made, which costs more and is another thread's to do.
    """
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a call with wrong arguments says at least what it has
        message = f"{record.msg} {record.args!r}"
    return Entry(
        at=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        level=record.levelname.lower(),
        logger=record.name,
        message=_told(message, LONGEST_MESSAGE),
        error=_error(record),
    )


def json_line(entry: Entry) -> bytes:
    """For the file."""
    message, error = without_secrets(entry.message), without_secrets(entry.error)
    return msgspec.json.encode(msgspec.structs.replace(entry, message=message, error=error)) + b"\n"


def plain_line(entry: Entry) -> bytes:
    """For a terminal: time, level, logger, message, and the traceback's lines behind each other."""
    return f"{entry.at} {entry.level.upper():<8} {_one_line(entry)}\n".encode()


def journald_line(entry: Entry) -> bytes:
    """For journald, which has a time of its own."""
    level = logging.getLevelNamesMapping().get(entry.level.upper(), logging.INFO)
    priority = next((number for above, number in PRIORITIES if level >= above), DEBUG_PRIORITY)
    return f"<{priority}>{_one_line(entry)}\n".encode()


def line_for(journal_stream: str) -> Callable[[Entry], bytes]:
    """How to write to stderr, by the JOURNAL_STREAM of the environment, which systemd sets for journald."""
    return journald_line if journal_stream else plain_line


def _one_line(entry: Entry) -> str:
    error = " | ".join(line.strip() for line in without_secrets(entry.error).splitlines())
    return CONTROL.sub(_shown, f"{entry.logger}: {without_secrets(entry.message)}" + (f" | {error}" if error else ""))


def _shown(found: re.Match[str]) -> str:
    """A control character as one can see it: it must begin no new line, and move no cursor."""
    return found[0].encode("unicode_escape").decode()


def _told(text: str, longest: int) -> str:
    """A text that JSON can hold, and not too long."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return cut.encode("utf-8", "backslashreplace").decode()


def _error(record: logging.LogRecord) -> str:
    text = record.exc_text or ""
    if not text and record.exc_info and record.exc_info[1] is not None:
        text = "".join(traceback.format_exception(record.exc_info[1]))
    if record.stack_info:
        text = f"{text}\n{record.stack_info}"
    return _told(text.strip()[-LONGEST_ERROR:], LONGEST_ERROR)
