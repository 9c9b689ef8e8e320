"""When the ledger is to go on, and how far: what a sensor asks for, out of what it has seen. No clock, no file.

One run at a time, of a bounded range; after days without the platform the ranges follow each other. Where a range
begins is said by the ledger itself: a cursor that was lost, rewound or restored from a backup changes nothing but the
moment at which is asked.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

RANGE_EVENTS = 100_000
MANY_EVENTS = 10_000  # so many do not wait for EVERY_S
EVERY_S = 300.0  # a run costs a Pi some 10 s of a core, and Dagster 135 kB of records
FILLS_EVERY_S = 30.0  # with a fill among what waits
AGAIN_S = 60.0  # until TimescaleDB, when it is behind, is tried for the first time
GRACE_S = 90.0  # from asking for a run until it is seen
LONGEST_WAIT_S = 3_600.0  # between tries of a range that fails


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the sensor remembers: of which journal, how far it has asked for, when, and how far it has looked."""

    journal: str = ""
    asked_seq: int = 0
    asked_at_s: float = 0.0
    seen_seq: int = 0

    @classmethod
    def read(cls, text: str | None, journal: str, committed: int) -> Cursor:
        """The cursor of a journal; one that is lost, broken or another journal's begins at what is committed."""
        try:
            found = cls(**json.loads(text or ""))
        except (ValueError, TypeError):
            found = cls()
        return found if found.journal == journal else cls(journal, committed, 0.0, committed)

    def text(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def later(cls, text: str) -> str:
        """A cursor that Dagster keeps, as if nothing had been asked for in a long while."""
        return replace(cls(**json.loads(text)), asked_at_s=0.0).text()


@dataclass(frozen=True, slots=True)
class Tries:
    """Earlier runs: one that has not ended, how many there were of the next range, and when the last one failed.

    `followed` is False where TimescaleDB lacks some of what the lake's ledger has.
    """

    unfinished: str = ""
    count: int = 0
    failed_at_s: float = 0.0
    followed: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """Events that a run is asked to take in, both ends included, and which try that is."""

    journal: str
    first_seq: int
    last_seq: int
    number: int

    @property
    def run_key(self) -> str:
        """What Dagster knows the request by: another journal, and another try, is another request."""
        return f"{self.journal}:{self.first_seq}-{self.last_seq}:{self.number}"


def ask(
    cursor: Cursor, last_seq: int, committed: int, tries: Tries, now_s: float, *, has_fills: bool = False
) -> Range | str:
    """The range to ask for now, or in a sentence why none is; with a fill among what waits it is soon.

    An empty range, which ends before it begins, is for TimescaleDB alone.
    """
    waiting = last_seq - committed
    if tries.unfinished:
        return f"run {tries.unfinished} is at it; {waiting:,} events wait"
    if waiting <= 0:
        has_all = f"the ledger has all {last_seq:,} events"
        return has_all if tries.followed else _ask_again(cursor, committed, tries, now_s)
    if cursor.asked_seq > committed and now_s - cursor.asked_at_s < GRACE_S:
        return f"the run that was asked for is to come; {waiting:,} events wait"
    again_s = tries.failed_at_s + _pause_s(EVERY_S, tries.count - 1)
    if tries.failed_at_s and now_s < again_s:
        return f"the last run failed; the next is tried in {again_s - now_s:.0f} s"
    due_s = cursor.asked_at_s + (FILLS_EVERY_S if has_fills else EVERY_S)
    if waiting < MANY_EVENTS and now_s < due_s:
        return f"{waiting:,} events wait for the next run in {due_s - now_s:.0f} s"
    return Range(cursor.journal, committed + 1, min(last_seq, committed + RANGE_EVENTS), tries.count)


def _ask_again(cursor: Cursor, committed: int, tries: Tries, now_s: float) -> Range | str:
    """The empty range, ever more seldom while it brings nothing."""
    again_s = cursor.asked_at_s + _pause_s(AGAIN_S, tries.count)
    if now_s < again_s:
        return f"TimescaleDB is behind the ledger; it is tried again in {again_s - now_s:.0f} s"
    return Range(cursor.journal, committed + 1, committed, tries.count)


def _pause_s(first_s: float, number: int) -> float:
    return min(LONGEST_WAIT_S, first_s * 2.0**number)
