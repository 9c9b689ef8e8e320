"""What a ledger says, however its tables are stored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.hot_tables import TABLES as HOT_TABLES
from pi5_pipelines.ledger.offset import TABLES, offset_of

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg


def content(root: Path, epoch: str) -> dict[str, tuple[int, int, str]]:
    """Of every table: its offset, its rows, and a hash of them."""
    lake = Lake(root)
    found = {}
    for table in TABLES:
        frame = lake.read(table)
        text = frame.sort(frame.columns).write_csv()
        found[table] = (offset_of(root, table, epoch).seq, frame.height, hashlib.sha256(text.encode()).hexdigest())
    return found


def hot_content(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Of every table of TimescaleDB's ledger: its rows, and a hash of them."""
    found = {}
    for table in HOT_TABLES:
        query = f"SELECT count(*), coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM {table} AS t"  # noqa: S608
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        found[table] = (row[0], row[1])
    return found
