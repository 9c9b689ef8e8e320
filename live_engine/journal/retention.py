"""Removal of whole UTC days that are older than wanted, as far as everybody has taken them.

Removed is always the beginning of the journal, up to the end of a day. It ends before what a registered consumer has
not read, before what no backup holds where there are any, before the older of the kept snapshots (so that state can be
folded from either), before a day that is not exported when that is asked for, and before the newest event, from which
`seq` goes on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from live_engine.journal import schema, snapshot
from live_engine.journal.export import EPOCH_DAY, file_of, last_seq_in

if TYPE_CHECKING:
    import sqlite3
    from datetime import date
    from pathlib import Path

    from live_engine.journal.writer import Journal

ROWS_PER_COMMIT = 2_000  # some milliseconds of work: appends go in between
FIRST_FROM = "SELECT seq FROM events WHERE wall_ns >= ? ORDER BY seq LIMIT 1"
BACKUP = "backup"  # the consumer whose place is the last event that a verified backup holds
PATIENCE_DAYS = 30  # for somebody who has made backups and asks for none


class Wait(NamedTuple):
    """A consumer that keeps old days in the journal: how far it has come, and since which day its next could go."""

    consumer: str
    seq: int
    since: date


def removable(
    connection: sqlite3.Connection,
    *,
    keep_days: int,
    now_ns: int,
    exported_to: Path | None = None,
    must_be_backed_up: bool = False,
) -> int:
    """The seq up to which events may be removed; 0 when none may.

    `keep_days` whole days before today are kept. With `exported_to`, only days whose file is complete there may go,
    with `must_be_backed_up` nothing that the consumer `backup` has not. Without, it is waited for once it is there, but
    no day is kept for it beyond PATIENCE_DAYS.
    """
    today, first_seq = now_ns // schema.DAY_NS, schema.first_seq_of(connection)
    places = _places(connection, today - keep_days, must_be_backed_up=must_be_backed_up)
    bound = min(
        _before(connection, today - keep_days),
        snapshot.foldable_from(connection),
        min(places.values(), default=schema.MAX_SEQ),
        schema.last_seq_of(connection) - 1,
    )
    if bound < first_seq:
        return 0
    day_after = connection.execute("SELECT wall_ns / ? FROM events WHERE seq = ?", (schema.DAY_NS, bound + 1))
    bound = min(bound, _before(connection, day_after.fetchone()[0]))
    return bound if exported_to is None else _exported(connection, exported_to, bound)


def waits(
    connection: sqlite3.Connection, *, keep_days: int, now_ns: int, must_be_backed_up: bool = False
) -> tuple[Wait, ...]:
    """For whom days that are old enough stay in the journal, by name; nobody: ()."""
    oldest_kept = now_ns // schema.DAY_NS - keep_days
    bound, found = _before(connection, oldest_kept), []
    for consumer, seq in sorted(_places(connection, oldest_kept, must_be_backed_up=must_be_backed_up).items()):
        row = connection.execute(
            "SELECT wall_ns / ? FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1",
            (schema.DAY_NS, seq, bound),
        ).fetchone()
        if row is not None:
            found.append(Wait(consumer, seq, EPOCH_DAY + timedelta(days=row[0] + keep_days + 1)))
    return tuple(found)


def remove(
    journal: Journal,
    *,
    keep_days: int,
    now_ns: int,
    exported_to: Path | None = None,
    must_be_backed_up: bool = False,
) -> int:
    """Remove what may go, a piece at a time between the appends; answers how many events went.

    A power cut between pieces leaves a shorter journal, whole as before. Raises as `Journal.run` and its futures do.
    """

    def bound_of(connection: sqlite3.Connection) -> int:
        return removable(
            connection,
            keep_days=keep_days,
            now_ns=now_ns,
            exported_to=exported_to,
            must_be_backed_up=must_be_backed_up,
        )

    def piece(connection: sqlite3.Connection) -> int:
        first = schema.first_seq_of(connection)
        end = min(bound, first + ROWS_PER_COMMIT - 1)
        return connection.execute("DELETE FROM events WHERE seq <= ?", (end,)).rowcount

    bound = journal.run(bound_of).result()
    removed = 0
    while bound and (gone := journal.run(piece).result()):
        removed += gone
    return removed


def _before(connection: sqlite3.Connection, day: int) -> int:
    """The last seq before the first event of a day or of a later one: where the clock stepped back, the earlier."""
    row = connection.execute(FIRST_FROM, (day * schema.DAY_NS,)).fetchone()
    return int(row[0]) - 1 if row else schema.last_seq_of(connection)


def _places(connection: sqlite3.Connection, oldest_kept: int, *, must_be_backed_up: bool) -> dict[str, int]:
    """How far everybody is whom removal waits for; `oldest_kept` is a day."""
    places: dict[str, int] = dict(connection.execute("SELECT name, seq FROM consumers"))
    if must_be_backed_up:
        places.setdefault(BACKUP, 0)
    elif BACKUP in places:
        places[BACKUP] = max(places[BACKUP], _before(connection, oldest_kept - PATIENCE_DAYS))
    return places


def _exported(connection: sqlite3.Connection, folder: Path, bound: int) -> int:
    home = folder / schema.epoch_of(connection)
    days = connection.execute(
        "SELECT wall_ns / ?, min(seq), max(seq) FROM events WHERE seq <= ? GROUP BY 1 ORDER BY 2",
        (schema.DAY_NS, bound),
    ).fetchall()
    for day, first_seq, last_seq in days:
        if last_seq_in(file_of(home, day)) < last_seq:
            return min(bound, int(first_seq) - 1)
    return bound
