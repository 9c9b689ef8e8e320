"""What anything in the process logs goes to the file and to stderr, without secrets, and nothing there stops it."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

from live_engine.logs.setup import configure, log_file

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def kept(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file(home).read_text(encoding="utf-8").splitlines()]


def test_all_loggers_go_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def never_looked_at() -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "a task failed", "exception": KeyError("token=abc")})

    stop = configure(tmp_path, {})
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request: %s", "GET /a?ticket=abc HTTP/1.1")
    logging.getLogger("live_engine.api").info("hello")
    logging.getLogger("live_engine.api").debug("not this")
    asyncio.run(never_looked_at())
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    stop()
    logging.getLogger("live_engine.api").error("after the end")
    found = kept(tmp_path)
    assert [(one["level"], one["logger"], one["message"].split("\n")[0]) for one in found[:3]] == [
        ("warning", "uvicorn.error", "Invalid HTTP request: GET /a?*** HTTP/1.1"),
        ("info", "live_engine.api", "hello"),
        ("error", "asyncio", "a task failed"),
    ]
    assert found[2]["error"] == "KeyError: 'token=***'"
    assert "DeprecationWarning: old" in found[3]["message"]
    assert len(found) == 4
    told = capsys.readouterr().err.splitlines()
    assert [line.split(maxsplit=2)[1:] for line in told[:2]] == [
        ["WARNING", "uvicorn.error: Invalid HTTP request: GET /a?*** HTTP/1.1"],
        ["INFO", "live_engine.api: hello"],
    ]
    assert len(told) == 4


def test_under_journald_lines_have_priorities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = configure(tmp_path, {"JOURNAL_STREAM": "8:4711"})
    logging.getLogger("live_engine").error("broken")
    stop()
    assert capsys.readouterr().err == "<3>live_engine: broken\n"
    assert kept(tmp_path)[0]["message"] == "broken"


def test_the_end_leaves_logging_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, [*root.handlers])
    stop = configure(tmp_path, {})
    assert len(root.handlers) == len(before[1]) + 2
    stop()
    assert (root.level, root.handlers) == before


def test_a_full_disk_stops_nothing_and_stderr_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_file(tmp_path).parent.mkdir()
    log_file(tmp_path).symlink_to("/dev/full")
    stop = configure(tmp_path, {})
    for number in range(3):
        logging.getLogger("live_engine").info("line %d", number)
    stop()
    told = capsys.readouterr().err.splitlines()
    assert sum("No space left on device" in line for line in told) == 1
    assert [line.split()[-1] for line in told if "live_engine: line" in line] == ["0", "1", "2"]


def test_a_home_that_takes_no_folder_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    stop = configure(tmp_path, {})
    logging.getLogger("live_engine").info("trading")
    stop()
    told = capsys.readouterr().err
    assert "live_engine: trading" in told
    assert "no lines can be written to" in told
