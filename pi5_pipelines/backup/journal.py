"""How far backups have the live engine's journal: each notes it, and retention is told of those that are good."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from live_engine.errors import JournalError
from live_engine.journal import consumers, schema
from live_engine.journal.reader import JournalReader
from live_engine.journal.retention import BACKUP
from pi5_pipelines.backup.catalog import Journal, backup_folder, manifests, outcome
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.ledger.source import CONSUMER as LEDGER
from pi5_pipelines.ledger.source import journal_file

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings


def ledger_places(settings: Settings) -> dict[str, int]:
    """How far the ledger has the journal, by its epoch; to be asked while the lake is held still. No journal: {}."""
    try:
        with JournalReader(journal_file(settings)) as reader:
            epoch = reader.epoch()
    except JournalError:
        return {}
    return {epoch: committed(settings.folder("lake"), epoch)}


def noted(copy: Path, ledger: dict[str, int]) -> Journal | None:
    """What a copy of the journal holds, `ledger` being the places of the ledger beside it; None: it is no journal."""
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        try:
            schema.check(connection, copy)
        except JournalError:
            return None
        epoch, last_seq = schema.epoch_of(connection), schema.last_seq_of(connection)
        has_ledger = connection.execute("SELECT 1 FROM consumers WHERE name = ?", (LEDGER,)).fetchone()
        wall_ns = connection.execute("SELECT wall_ns FROM events WHERE seq = ?", (last_seq,)).fetchone()
    place = min(last_seq, ledger.get(epoch, 0)) if has_ledger else last_seq
    return Journal(epoch, last_seq, wall_ns[0] if wall_ns else 0, place)


def keep_place(settings: Settings) -> str:
    """Let retention take what the best good backup holds; answers in a line why the journal could not be told, or "".

    Only a backup that was verified counts. When one is found bad the place goes back to that of the others.
    """
    path = journal_file(settings)
    if not path.exists():
        return ""
    try:
        with JournalReader(path) as reader:
            known = reader.consumers().get(BACKUP)
            seq = max((one.place for one in _good(settings, reader)), default=0)
        if seq != (known or 0):
            consumers.move(path, BACKUP, seq, now_ns=time.time_ns(), back=True)
    except JournalError as error:
        return str(error)
    return ""


def _good(settings: Settings, reader: JournalReader) -> list[Journal]:
    """What verified backups hold of this journal, and not of one that an older copy has gone on to be."""
    folder, epoch, last_seq = backup_folder(settings), reader.epoch(), reader.last_seq()
    found = []
    for manifest in manifests(folder):
        journal, seen = manifest.journal, outcome(folder, manifest.id)
        if journal is None or seen is None or not seen.good or journal.epoch != epoch or journal.last_seq > last_seq:
            continue
        event = reader.at([journal.last_seq])
        if not event or event[0].wall_ns == journal.wall_ns:
            found.append(journal)
    return found
