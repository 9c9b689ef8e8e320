"""A record becomes one line: whole for programs, readable for people, with a priority for journald."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from live_engine.logs.lines import LONGEST_MESSAGE, entry_of, json_line, line_for


def record(message: str, *args: object, level: int = logging.INFO, **more: Any) -> logging.LogRecord:  # noqa: ANN401
    made = logging.LogRecord("live_engine.api", level, __file__, 1, message, args, more.get("exc_info"))
    made.created = 1_700_000_000.25
    return made


def raised() -> Any:  # noqa: ANN401 - what sys.exc_info answers
    try:
        int("token=abc123")
    except ValueError:
        return sys.exc_info()


def test_a_line_of_json_has_time_level_logger_and_message() -> None:
    line = json_line(entry_of(record("%s: %d", "POST /orders", 422)))
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "at": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "logger": "live_engine.api",
        "message": "POST /orders: 422",
    }


def test_an_error_is_told_with_its_traceback_and_without_its_secret() -> None:
    found = json.loads(json_line(entry_of(record("it broke", level=logging.ERROR, exc_info=raised()))))
    assert found["error"].startswith("Traceback (most recent call last):")
    assert found["error"].endswith("ValueError: invalid literal for int() with base 10: 'token=***'")


def test_a_plain_line_is_one_line_whatever_is_in_it() -> None:
    entry = entry_of(record("two\nlines \x1b[2J and\u2028more", level=logging.ERROR, exc_info=raised()))
    line = line_for("")(entry).decode()
    assert line.startswith(
        "2023-11-14T22:13:20.250Z ERROR    live_engine.api: two\\nlines \\x1b[2J and\\u2028more | Trace"
    )
    assert line.count("\n") == 1
    assert line.endswith("| ValueError: invalid literal for int() with base 10: 'token=***'\n")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7)],
)
def test_journald_is_told_the_priority_and_keeps_its_own_time(level: int, priority: int) -> None:
    assert line_for("8:1234")(entry_of(record("well", level=level))) == f"<{priority}>live_engine.api: well\n".encode()


def test_a_call_with_wrong_arguments_still_says_what_it_has() -> None:
    assert entry_of(record("%d events", "many")).message == "%d events ('many',)"


def test_what_is_too_long_is_cut_and_what_is_no_text_is_shown() -> None:
    assert entry_of(record("a" * 100_000)).message == "a" * LONGEST_MESSAGE + "..."
    assert json.loads(json_line(entry_of(record("bad \udcff name"))))["message"] == "bad \\udcff name"
