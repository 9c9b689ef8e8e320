"""What stands in a hot tier's database: server, edition, migrations, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.timescale.edition import FOUND, detect
from pi5_pipelines.timescale.migrations import applied, migrations, states

if TYPE_CHECKING:
    import psycopg

TABLES = """
SELECT c.relname, approximate_row_count(c.oid::regclass), coalesce(h.num_chunks, 0),
       CASE WHEN h.num_chunks IS NULL THEN pg_total_relation_size(c.oid)
            ELSE hypertable_size(c.oid::regclass) END
FROM pg_class AS c
LEFT JOIN timescaledb_information.hypertables AS h
       ON h.hypertable_schema = 'public' AND h.hypertable_name = c.relname
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
ORDER BY c.relname
"""


def state(connection: psycopg.Connection) -> dict[str, Any]:
    """A document of it all; a database without the extension has no tables yet. Raises ExtensionError."""
    row = connection.execute(FOUND).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM answers one row
    fresh = row[2] is None and row[3] is not None
    if fresh:
        name, version, postgres = None, None, row[1]
    else:
        edition = detect(connection)
        name, version, postgres = edition.name, edition.version, edition.postgres
    found = states(migrations(), applied(connection))
    return {
        "postgres": postgres,
        "timescaledb": version,
        "edition": name,
        "up_to_date": all(one[2] == "applied" for one in found),
        "migrations": [
            {"number": number, "name": migration, "state": kind, "applied_at_utc": at and at.isoformat()}
            for number, migration, kind, at in found
        ],
        "tables": [] if fresh else _tables(connection),
    }


def _tables(connection: psycopg.Connection) -> list[dict[str, Any]]:
    rows = connection.execute(TABLES).fetchall()
    return [
        {"table": table, "rows_about": max(count, 0), "chunks": chunks, "bytes": size}
        for table, count, chunks, size in rows
    ]
