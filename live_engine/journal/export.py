"""Closed UTC days of the journal as files of JSON lines, one event a line, in the order of `seq`.

They lie in `<folder>/<epoch>/<day>.jsonl`: another journal under the same path has other files. A day is written once;
again only when the clock was set back into it and it has more events. What retention took since stays in the file.
"""

from __future__ import annotations

import heapq
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from live_engine.durable import make_folder, write_lines
from live_engine.errors import JournalDamagedError, JournalWriteError
from live_engine.events import Event, encoder
from live_engine.journal.reader import JournalReader
from live_engine.journal.schema import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCH_DAY = date(1970, 1, 1)
SEEK_BYTES = 65_536


class _Numbered(msgspec.Struct):
    """As much of a line as tells its place."""

    seq: int


def export(path: Path, folder: Path, *, now_ns: int) -> list[Path]:
    """Write the days that ended before `now_ns` and are not there yet; answers the files it wrote.

    Raises as JournalReader does, as `last_seq_in`, and JournalWriteError when the folder cannot be written: days before
    stay written.
    """
    wrote = []
    with JournalReader(path) as reader:
        home = folder / reader.epoch()
        try:
            for day, first_seq, last_seq in reader.days(now_ns):
                file = file_of(home, day)
                if last_seq_in(file) < last_seq:
                    make_folder(home)
                    write_lines(file, _lines(reader, file, day, first_seq, last_seq))
                    wrote.append(file)
        except OSError as error:
            hint = "look at free space and permissions, and export again"
            what = f"cannot be written: {error.strerror}"
            raise JournalWriteError(what, where=str(error.filename or home), hint=hint) from error
    return wrote


def exported(home: Path, after_seq: int, before_seq: int) -> Iterator[Event]:
    """The events of an epoch's folder between two seqs, both excluded, in order; raises JournalDamagedError.

    Days in which the clock was set back overlap in seq, so their files are read side by side.
    """
    expected = after_seq + 1
    files = [_events(file, after_seq) for file in sorted(home.glob("*.jsonl"))]
    for event in heapq.merge(*files, key=lambda one: one.seq):
        if event.seq >= before_seq or event.seq != expected:
            break
        expected += 1
        yield event
    if expected < before_seq:
        what = f"event {expected} is missing among the exported days"
        raise JournalDamagedError(what, where=str(home), hint="put the exported days back from a backup")


def _events(file: Path, after_seq: int) -> Iterator[Event]:
    if last_seq_in(file) <= after_seq:
        return
    with file.open("rb") as handle:
        for line in handle:
            if _seq(line, file) > after_seq:
                yield msgspec.json.decode(line, type=Event)


def file_of(home: Path, day: int) -> Path:
    """The file of a day (counted from 1970) in an epoch's folder."""
    return home / f"{EPOCH_DAY + timedelta(days=day)}.jsonl"


def last_seq_in(file: Path) -> int:
    """The seq of a file's last line; 0 when there is no file. Raises JournalDamagedError when it is no event."""
    try:
        with file.open("rb") as handle:
            size = handle.seek(0, 2)
            tail, start = b"", size
            while start > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the last line's end and that of the one before
                start = max(0, start - SEEK_BYTES)
                handle.seek(start)
                tail = handle.read(size - start)
    except FileNotFoundError:
        return 0
    return _seq(tail.splitlines()[-1], file) if tail else 0


def _lines(reader: JournalReader, file: Path, day: int, first_seq: int, last_seq: int) -> Iterator[bytes]:
    if file.exists():
        with file.open("rb") as earlier:
            yield from (line for line in map(bytes.rstrip, earlier) if _seq(line, file) < first_seq)
    for event in reader.since(first_seq - 1):
        if event.seq > last_seq:
            return
        if event.wall_ns // DAY_NS == day:
            yield encoder.encode(event)


def _seq(line: bytes, file: Path) -> int:
    try:
        return msgspec.json.decode(line, type=_Numbered).seq
    except msgspec.MsgspecError as error:
        hint = "move it aside and export again"
        raise JournalDamagedError(f"a line is no event: {error}", where=str(file), hint=hint) from error
