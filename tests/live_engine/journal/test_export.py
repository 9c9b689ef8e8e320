"""Closed days as JSON lines: each once, whole, and as the journal has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.errors import JournalDamagedError, JournalWriteError
from live_engine.events import CancelRequested, Event
from live_engine.journal.export import export, last_seq_in
from live_engine.journal.reader import JournalReader
from live_engine.journal.schema import DAY_NS

if TYPE_CHECKING:
    from pathlib import Path

    from live_engine.journal.writer import Journal

DAY = 20_000  # 2024-10-04


def fill(journal: Journal, clock: list[int], days: list[int]) -> None:
    for day in days:
        clock[0] = day * DAY_NS + DAY_NS - 1
        journal.append([CancelRequested(client_order_id=f"day {day} \n Ω")], flow="f").result()


def events(file: Path) -> list[Event]:
    return [msgspec.json.decode(line, type=Event) for line in file.read_bytes().splitlines()]


def test_each_closed_day_is_a_file_of_its_events(
    path: Path, tmp_path: Path, journal: Journal, clock: list[int]
) -> None:
    fill(journal, clock, [DAY, DAY, DAY + 2, DAY + 3])
    files = export(path, tmp_path / "out", now_ns=(DAY + 3) * DAY_NS + 5)
    home = tmp_path / "out" / journal.epoch
    assert files == [home / "2024-10-04.jsonl", home / "2024-10-06.jsonl"]
    with JournalReader(path) as reader:
        assert [event for file in files for event in events(file)] == reader.after(0, 3)


def test_a_day_that_is_written_is_not_written_again(
    path: Path, tmp_path: Path, journal: Journal, clock: list[int]
) -> None:
    fill(journal, clock, [DAY, DAY + 1])
    assert len(export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)) == 1
    assert export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS) == []
    assert [file.name for file in export(path, tmp_path, now_ns=(DAY + 2) * DAY_NS)] == ["2024-10-05.jsonl"]


def test_an_event_of_a_written_day_that_comes_late_is_added_and_removed_ones_stay(
    path: Path, tmp_path: Path, journal: Journal, clock: list[int]
) -> None:
    fill(journal, clock, [DAY, DAY, DAY + 1])
    (file,) = export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)
    fill(journal, clock, [DAY])  # the clock was set back
    journal.run(lambda connection: connection.execute("DELETE FROM events WHERE seq = 1")).result()
    assert export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS) == [file]
    assert [event.seq for event in events(file)] == [1, 2, 4]


def test_a_killed_export_leaves_nothing_that_looks_whole(
    path: Path, tmp_path: Path, journal: Journal, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(journal, clock, [DAY, DAY + 1])

    def stop(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("live_engine.durable.os.fsync", stop)
        with pytest.raises(JournalWriteError, match="No space left"):
            export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)
    assert list(tmp_path.glob("*/*.jsonl")) == []
    assert len(export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)) == 1
    assert list(tmp_path.glob("*/.*")) == []


def test_a_file_that_is_no_export_is_named(path: Path, tmp_path: Path, journal: Journal, clock: list[int]) -> None:
    fill(journal, clock, [DAY])
    (file,) = export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)
    file.write_bytes(b"what is this\n")
    with pytest.raises(JournalDamagedError, match="move it aside") as caught:
        export(path, tmp_path, now_ns=(DAY + 1) * DAY_NS)
    assert caught.value.where == str(file)


def test_the_last_line_is_found_however_long_it_is(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    assert last_seq_in(file) == 0
    file.write_bytes(b'{"seq":1}\n{"seq":2,"flow":"' + b"x" * 200_000 + b'"}\n')
    assert last_seq_in(file) == 2
