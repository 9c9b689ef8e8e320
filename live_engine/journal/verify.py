"""Whether a journal is whole: its pages, its order, every body, and nobody beyond its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.errors import JournalDamagedError, JournalNewerError
from live_engine.journal.reader import JournalReader

if TYPE_CHECKING:
    from pathlib import Path


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong with it; no `problems`: the journal is whole."""

    path: str
    epoch: str
    first_seq: int
    last_seq: int
    events: int
    snapshot_seq: int
    consumers: dict[str, int]
    problems: tuple[str, ...] = ()


def verify(path: Path) -> Report:
    """Read the whole journal; raises as opening a JournalReader does when there is nothing to read."""
    with JournalReader(path) as reader:
        first, last = reader.first_seq(), reader.last_seq()
        snapshot, consumers = reader.snapshot(), reader.consumers()
        read, problems = _walk(reader, first, last)
        snapshot_seq = snapshot[0] if snapshot else 0
        return Report(
            path=str(path),
            epoch=reader.epoch(),
            first_seq=first,
            last_seq=last,
            events=read,
            snapshot_seq=snapshot_seq,
            consumers=consumers,
            problems=(*reader.integrity(), *problems, *_out_of_range(first, last, snapshot_seq, consumers)),
        )


def _walk(reader: JournalReader, first: int, last: int) -> tuple[int, list[str]]:
    """How many events up to `last` can be read in order, and what stopped the reading."""
    read = 0
    try:
        for event in reader.since(first - 1):
            if event.seq > last:
                break
            if event.seq != first + read:
                return read, [f"event {first + read} is missing"]
            read += 1
    except (JournalDamagedError, JournalNewerError) as error:
        return read, [str(error)]
    return read, []


def _out_of_range(first: int, last: int, snapshot_seq: int, consumers: dict[str, int]) -> list[str]:
    problems = [
        f"consumer {name!r} has read up to {seq}, the last event is {last}"
        for name, seq in consumers.items()
        if seq > last
    ]
    problems += [
        f"consumer {name!r} has read up to {seq}, the first event that is kept is {first}"
        for name, seq in consumers.items()
        if seq < first - 1
    ]
    if snapshot_seq > last:
        problems.append(f"the newest snapshot is of event {snapshot_seq}, the last event is {last}")
    if first > 1 and snapshot_seq < first - 1:
        problems.append(f"the first event that is kept is {first}, and no snapshot holds what came before")
    return problems
