"""How far a table of the ledger has come: it stands in the commit that wrote the rows, and nowhere else.

Each commit carries two `txn` actions of Delta's: the journal's last event in it, and that event's wall clock. They are
read from the log's own files, so that a sensor need not load the libraries that read tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.lake import durability

if TYPE_CHECKING:
    from pathlib import Path

ORDERS, FILLS, POSTINGS = "ledger_orders", "ledger_fills", "ledger_postings"
POSITIONS, CASH, DAILY = "ledger_positions", "ledger_cash", "ledger_daily"
EVENTS = (ORDERS, FILLS, POSTINGS)  # in the order in which they are written; rows are added and never changed
BALANCES = (POSITIONS, CASH, DAILY)  # sums of the postings, written after them
TABLES = (*EVENTS, *BALANCES)


@dataclass(frozen=True, slots=True)
class Offset:
    """The last event that a table has taken in, and when the engine wrote it (UTC, in ns); 0 and 0 for none."""

    seq: int = 0
    wall_ns: int = 0


NOTHING = Offset()


def seq_id(epoch: str) -> str:
    """The `appId` under which a table keeps the seq of a journal."""
    return f"ledger:{epoch}"


def stamp_id(epoch: str) -> str:
    """The `appId` under which a table keeps the wall clock of that event."""
    return f"ledger-wall-ns:{epoch}"


def offset_of(root: Path, table: str, epoch: str) -> Offset:
    """How far a table has taken in the journal of an epoch, by what is known to be on the device.

    A commit that was not flushed does not count: opening the table for writing flushes it, or sets it aside.
    """
    folder, flushed = root / table, durability.synced_version(root, table)
    for version in reversed(durability.versions(folder)):
        if version > flushed:
            continue
        found = _in_commit(durability.log_entry(folder, version).read_text(), epoch)
        if found is not None:
            return found
    return NOTHING


def committed(root: Path, epoch: str) -> int:
    """The last event that the whole ledger has taken in."""
    return min(offset_of(root, table, epoch).seq for table in TABLES)


def _in_commit(text: str, epoch: str) -> Offset | None:
    if seq_id(epoch) not in text:
        return None
    actions = (json.loads(line) for line in text.splitlines())
    marks = {action["txn"]["appId"]: int(action["txn"]["version"]) for action in actions if "txn" in action}
    return Offset(marks[seq_id(epoch)], marks[stamp_id(epoch)])
