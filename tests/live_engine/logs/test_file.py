"""Three files of ten megabytes or seven days, whichever is less; a torn line spoils no other; a full disk mends."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from live_engine.logs.file import FILES, KEEP_S, LARGEST_BYTES, LogFile
from live_engine.logs.lines import Entry, json_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 86_400.0


class Days:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        """Seconds of UTC."""
        return self.now_s

    def line(self, message: str) -> bytes:
        """A line of now."""
        at = datetime.fromtimestamp(self.now_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json_line(Entry(at=at, level="info", logger="x", message=message))


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "live-engine.jsonl"


@pytest.fixture
def file(path: Path, days: Days) -> Iterator[LogFile]:
    opened = LogFile(path, wall=days, largest_bytes=400)
    yield opened
    opened.close()


def kept(path: Path) -> dict[str, list[str]]:
    """Messages by file."""
    return {
        one.name.removeprefix(path.name): [json.loads(line)["message"] for line in one.read_text().splitlines()]
        for one in sorted(path.parent.iterdir())
    }


def kept_names(path: Path) -> list[str]:
    return sorted(one.name.removeprefix(path.name) for one in path.parent.iterdir())


def test_ten_megabytes_in_each_of_three_files_and_a_week() -> None:
    assert (LARGEST_BYTES, FILES, KEEP_S) == (10_000_000, 3, 7 * DAY_S)


def test_full_files_are_set_aside_and_the_oldest_goes(file: LogFile, path: Path, days: Days) -> None:
    for number in range(40):
        file.write(days.line(f"{number:02}"))
    found = kept(path)
    assert list(found) == ["", ".1", ".2"]
    assert all(one.stat().st_size <= 400 for one in path.parent.iterdir())
    told = found[".2"] + found[".1"] + found[""]
    assert told == [f"{number:02}" for number in range(40 - len(told), 40)]
    assert len(found[".2"]) == len(found[".1"]) > 2


def test_a_line_larger_than_a_file_has_one_for_itself(file: LogFile, path: Path, days: Days) -> None:
    for message in ("a", "b" * 500, "c"):
        file.write(days.line(message))
    assert kept(path) == {"": ["c"], ".1": ["b" * 500], ".2": ["a"]}


@pytest.mark.parametrize("every_h", [6, 1_000])
def test_no_line_is_older_than_a_week_and_half_a_week_is_always_there(path: Path, days: Days, every_h: int) -> None:
    file = LogFile(path, wall=days)
    told: list[float] = []
    for hour in range(24 * 30):
        if hour % every_h == 0:
            file.write(days.line(str(days.now_s)))
            told.append(days.now_s)
        file.tidy()
        found = [float(message) for messages in kept(path).values() for message in messages]
        assert all(days.now_s - one <= KEEP_S for one in found)
        assert {one for one in told if days.now_s - one < KEEP_S / 2} <= set(found)
        days.now_s += 3_600
    file.close()


def test_what_is_a_week_old_goes_at_the_start_even_if_nothing_is_written(path: Path, days: Days) -> None:
    first = LogFile(path, wall=days, largest_bytes=100)
    for message in "abc":
        first.write(days.line(message))
    first.close()
    days.now_s += 7.5 * DAY_S
    second = LogFile(path, wall=days)
    second.tidy()
    assert kept(path) == {"": []}
    second.close()


def test_a_file_in_use_is_as_old_as_its_first_line_after_a_restart_too(path: Path, days: Days) -> None:
    for message in "abc":
        again = LogFile(path, wall=days)
        again.write(days.line(message))
        again.close()
        days.now_s += 2 * DAY_S
    assert kept(path) == {"": ["c"], ".1": ["a", "b"]}


def test_a_line_torn_by_a_power_cut_does_not_spoil_the_next(path: Path, days: Days) -> None:
    path.parent.mkdir()
    path.write_bytes(days.line("before") + b'{"at":"2023-')
    again = LogFile(path, wall=days)
    again.write(days.line("after"))
    again.close()
    lines = path.read_text().splitlines()
    assert [json.loads(lines[0])["message"], lines[1], json.loads(lines[2])["message"]] == [
        "before",
        '{"at":"2023-',
        "after",
    ]


def test_a_file_that_begins_with_something_else_is_as_old_as_its_last_change(path: Path, days: Days) -> None:
    path.parent.mkdir()
    path.with_name(f"{path.name}.1").write_text("not JSON\n")
    opened = LogFile(path, wall=days)
    days.now_s = path.with_name(f"{path.name}.1").stat().st_mtime + KEEP_S - 60
    opened.tidy()
    assert kept_names(path) == ["", ".1"]
    days.now_s += 120
    opened.tidy()
    assert kept_names(path) == [""]
    opened.close()


def test_a_full_disk_is_told_and_mends(path: Path, days: Days) -> None:
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    file = LogFile(path, wall=days)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left on device"):
            file.write(days.line("lost"))
    path.unlink()
    file.write(days.line("kept"))
    file.close()
    assert kept(path) == {"": ["kept"]}


def test_a_disk_that_takes_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    """A limit of the process stands for the disk: it is the kernel that writes a part and refuses the rest."""
    script = """
import resource, signal, sys
from pathlib import Path
from live_engine.logs.file import LogFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LogFile(Path(sys.argv[1]))
file.write(b'"a"' + b' ' * 96 + b'\\n')
resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        file.write(b'"lost"' + b' ' * 93 + b'\\n')
    except OSError as error:
        print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write(b'"b"\\n')
file.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.jsonl")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["No space left on device", "File too large"]
    lines = [line for line in (tmp_path / "x.jsonl").read_text().splitlines() if line.strip()]
    assert [line.strip() for line in lines] == ['"a"', '"lost"', '"b"']
