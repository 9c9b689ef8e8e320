"""The statements of the ledger in TimescaleDB: where it stands, its rows read and put, all within a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.ledger.offset import BALANCES, FILLS, NOTHING, ORDERS, Offset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import polars as pl
    import psycopg
    from psycopg import sql

    from pi5_pipelines.ledger.commits import Row

OFFSETS = "ledger_offsets"
TABLES = (ORDERS, FILLS, *BALANCES)  # the lake's postings are proofs, which nobody queries here
LEFT_IN_THE_LAKE = {ORDERS: ("body",)}
KEYS = {ORDERS: ("journal", "client_order_id")}  # one row an order; the lake keeps each event's
NUMBERS = {
    *("quantity", "filled", "average_price", "price", "fee", "cost", "realised", "fees", "amount"),
    *("bought", "sold", "net"),
}
# A server that hangs must not hold the lake's ledger up, which waits for this run to end.
LIMITED = """
SELECT set_config('statement_timeout', '60s', true), set_config('lock_timeout', '10s', true),
       set_config('timezone', 'UTC', true), set_config('jit', 'off', true)
"""
BEGUN = "INSERT INTO public.ledger_offsets (journal, seq, wall_ns) VALUES (%s, 0, 0) ON CONFLICT (journal) DO NOTHING"
# A place that was set back or taken away is told by the rows: what lies between changed none, and changes none again.
PLACE = """
SELECT greatest(
    coalesce((SELECT seq FROM public.ledger_offsets WHERE journal = %(journal)s), 0),
    (SELECT max(seq) FROM public.ledger_orders WHERE journal = %(journal)s),
    (SELECT max(seq) FROM public.ledger_fills WHERE journal = %(journal)s)
), (SELECT seq FROM public.ledger_offsets WHERE journal = %(journal)s),
   (SELECT wall_ns FROM public.ledger_offsets WHERE journal = %(journal)s)
"""
LOCKED = "SELECT FROM public.ledger_offsets WHERE journal = %s FOR UPDATE"
MOVED = "UPDATE public.ledger_offsets SET seq = %s, wall_ns = %s, updated_at = now() WHERE journal = %s"


def columns_of(table: str) -> list[str]:
    """The columns that a table has in both stores."""
    return [name for name in schema_of(table).columns if name not in LEFT_IN_THE_LAKE.get(table, ())]


def key_of(table: str) -> tuple[str, ...]:
    """What tells a table's rows apart here."""
    return KEYS.get(table, schema_of(table).key)


def place_of(connection: psycopg.Connection, journal: str, *, lock: bool = False) -> Offset:
    """How far the tables have taken in a journal; `lock` keeps others from going on until the transaction ends."""
    if lock:
        connection.execute(LIMITED)
        connection.execute(BEGUN, (journal,))
        connection.execute(LOCKED, (journal,))
    row = connection.execute(PLACE, {"journal": journal}).fetchone()
    if row is None or not row[0]:
        return NOTHING
    seq, own, wall_ns = row
    return Offset(seq, wall_ns if own == seq else 0)


def move(connection: psycopg.Connection, journal: str, to: Offset) -> None:
    """Note how far the tables have come."""
    connection.execute(MOVED, (to.seq, to.wall_ns, journal))


def put(connection: psycopg.Connection, table: str, rows: Sequence[Row]) -> None:
    """Add rows, or put them in the place of those with the same key."""
    from psycopg import sql

    columns, key = columns_of(table), key_of(table)
    query = sql.SQL("INSERT INTO public.{} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table),
        _names(columns),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        _names(key),
        sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in columns if name not in key
        ),
    )
    with connection.cursor() as cursor:
        cursor.executemany(query, rows)


def rows_of(
    connection: psycopg.Connection,
    table: str,
    journal: str,
    *,
    days: Sequence[date] | None = None,
    stretch: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """A journal's rows as the lake has them, numbers as texts.

    `days` chooses among rows that have one, `stretch` by their seq: after the first, and up to the second.
    """
    import polars as pl
    from psycopg import sql

    columns = schema_of(table).columns
    wanted = sql.SQL(", ").join(_as_in_the_lake(name) for name in columns_of(table))
    query = sql.SQL("SELECT {} FROM public.{} WHERE journal = %s").format(wanted, sql.Identifier(table))
    values: list[object] = [journal]
    if days is not None:
        query += sql.SQL(" AND day = ANY (%s)")
        values.append(days)
    if stretch is not None:
        query += sql.SQL(" AND seq > %s AND seq <= %s")
        values += stretch
    rows = connection.execute(query, values).fetchall()
    return pl.DataFrame(rows, schema={name: columns[name] for name in columns_of(table)}, orient="row")


def _as_in_the_lake(name: str) -> sql.Composable:
    from psycopg import sql

    if name == "journal":
        return sql.SQL("replace(journal::text, '-', '')")
    return sql.SQL("{}::text" if name in NUMBERS else "{}").format(sql.Identifier(name))


def _names(columns: Sequence[str]) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(", ").join(map(sql.Identifier, columns))
