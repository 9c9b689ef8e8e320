"""The statements: what is read of the tables before a batch, and a batch written, whole or not at all.

Rows go as one JSON text a table, which PostgreSQL itself turns into the types of the columns.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine.errors import ProjectionError
from live_engine.events import OrderFilled, encoder
from live_engine.orders.order import Fill, Order
from live_engine.orders.positions import Position
from live_engine.orders.snapshot import VERSION as RULES
from live_engine.projection.database import STATEMENT_TIMEOUT_S
from live_engine.projection.fold import Held, Named, fold, named
from live_engine.projection.place import Offset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from live_engine.events import Event

# No compilation of statements either: it took a hundred times as long as the look-ups that it would have sped up.
LIMITED = """
SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true), set_config('jit', 'off', true)
"""
BEGUN = """
INSERT INTO live_offsets (journal, seq, first_seq, rules) VALUES (%s, 0, %s, %s) ON CONFLICT (journal) DO NOTHING
"""
FOUND = """
SELECT o.seq, o.rules, o.event_seq, o.event_wall_ns, o.event_mono_ns, greatest(
    (SELECT max(seq) FROM live_orders AS t WHERE t.journal = o.journal),
    (SELECT max(seq) FROM live_trades AS t WHERE t.journal = o.journal),
    (SELECT max(seq) FROM live_positions AS t WHERE t.journal = o.journal),
    (SELECT max(seq) FROM live_account AS t WHERE t.journal = o.journal),
    (SELECT max(seq) FROM live_bars AS t WHERE t.journal = o.journal),
    (SELECT max(seq) FROM live_late_ticks AS t WHERE t.journal = o.journal), 0)
FROM live_offsets AS o WHERE o.journal = %s
"""
HEALED = "UPDATE live_offsets SET seq = %s WHERE journal = %s AND seq < %s"
LOCKED = "SELECT seq FROM live_offsets WHERE journal = %s FOR UPDATE"
MOVED = """
UPDATE live_offsets SET seq = %(seq)s, event_seq = %(seq)s, event_wall_ns = %(wall_ns)s, event_mono_ns = %(mono_ns)s,
    rules = %(rules)s, updated_at = now()
WHERE journal = %(journal)s
"""
# Orders that are named, all that they replaced and were replaced by, and those that wait to replace one of them.
ORDERS = """
WITH RECURSIVE chain (id) AS (
    SELECT named COLLATE "C" FROM unnest(%(orders)s::text[]) AS named
    UNION
    SELECT near.id FROM chain CROSS JOIN LATERAL (
        SELECT replaces AS id FROM live_orders
        WHERE journal = %(journal)s AND client_order_id = chain.id AND replaces <> ''
        UNION ALL
        SELECT client_order_id FROM live_orders
        WHERE journal = %(journal)s AND replaces = chain.id AND replaces <> ''
    ) AS near
)
SELECT o.folded::text FROM chain CROSS JOIN LATERAL (
    SELECT folded FROM live_orders WHERE journal = %(journal)s AND client_order_id = chain.id LIMIT 1
) AS o
ORDER BY (o.folded->>'seq')::bigint
"""
FILLS = """
SELECT client_order_id, symbol IS NOT NULL, seq, fill_id, quantity, price, fee, fee_currency, liquidity, late, traded_ns
FROM live_trades WHERE journal = %s AND client_order_id = ANY (%s) ORDER BY seq
"""
POSITIONS = """
SELECT symbol, currency, quantity, cost, realised, fees FROM live_positions WHERE journal = %s AND symbol = ANY (%s)
"""
KEYS = {
    "live_orders": "journal, client_order_id",
    "live_trades": "journal, client_order_id, fill_id",
    "live_positions": "journal, symbol",
    "live_account": "journal, seq",
    "live_bars": "journal, seq, ts",
    "live_late_ticks": "journal, seq",
}
RENEWED = {"live_orders", "live_positions"}
COUNTED = """UPDATE SET symbol = excluded.symbol, side = excluded.side, strategy = excluded.strategy,
    late = excluded.late WHERE live_trades.symbol IS NULL"""

_order = msgspec.json.Decoder(Order)


async def offset_of(connection: AsyncConnection[Any], journal: str, first_seq: int) -> Offset:
    """How far a journal has been projected; a journal that is new here begins at `first_seq`."""
    async with connection.transaction():
        await _limit(connection)
        await connection.execute(BEGUN, (journal, max(1, first_seq), RULES))
        row = await (await connection.execute(FOUND, (journal,))).fetchone()
        assert row is not None  # noqa: S101 - it was put in at least now
        offset = Offset(*row)
        await connection.execute(HEALED, (offset.place, journal, offset.place))
        return offset


async def project(connection: AsyncConnection[Any], journal: str, after: int, batch: Sequence[Event]) -> None:
    """Write what a batch changes, and that it was written, in one transaction.

    Raises ProjectionError, and changes nothing, when the tables are not at `after`: the batch was projected before.
    """
    last = batch[-1]
    async with connection.transaction():
        await _limit(connection)
        row = await (await connection.execute(LOCKED, (journal,))).fetchone()
        if row != (after,):
            raise ProjectionError(
                f"the tables are at event {row[0] if row else 'none'} and not at {after}",
                where="live_offsets of TimescaleDB",
                hint="another engine projects this journal, or somebody changed the row; it is read anew",
            )
        held = await _held(connection, journal, named(batch))
        for statement, rows in await asyncio.to_thread(_statements, journal, held, batch):
            await connection.execute(statement, (rows,))
        moved = {"seq": last.seq, "wall_ns": last.wall_ns, "mono_ns": last.mono_ns, "rules": RULES, "journal": journal}
        await connection.execute(MOVED, moved)


async def _limit(connection: AsyncConnection[Any]) -> None:
    limit = f"{STATEMENT_TIMEOUT_S}s"
    await connection.execute(LIMITED, (limit, limit))


async def _held(connection: AsyncConnection[Any], journal: str, needed: Named) -> Held:
    held = Held()
    if not needed.orders:
        return held
    found = await connection.execute(ORDERS, {"journal": journal, "orders": needed.orders})
    held.orders = [_order.decode(text) for (text,) in await found.fetchall()]
    found = await connection.execute(FILLS, (journal, needed.filled))
    for order_id, counts, seq, *fields in await found.fetchall():
        fill_id, quantity, price, fee, fee_currency, liquidity, late, traded_ns = fields
        if counts:
            fill = Fill(fill_id, quantity, price, fee, fee_currency, seq, traded_ns, liquidity, late)
            held.fills.setdefault(order_id, {})[fill_id] = fill
        else:
            stray = OrderFilled(
                client_order_id=order_id, fill_id=fill_id, quantity=quantity, price=price, fee=fee,
                fee_currency=fee_currency, liquidity=liquidity, traded_ns=traded_ns, late=late,
            )  # fmt: skip
            held.strays.setdefault(order_id, {})[fill_id] = (seq, stray)
    symbols = list({*needed.symbols, *(order.intent.symbol for order in held.orders)})
    found = await connection.execute(POSITIONS, (journal, symbols))
    held.positions = {row[0]: Position(*row) for row in await found.fetchall()}
    return held


def _statements(journal: str, held: Held, batch: Sequence[Event]) -> list[tuple[bytes, bytes]]:
    """What writes a batch: a statement and its rows for each table that changes."""
    rows = fold(journal, held, batch)
    return [
        (_upsert(table, key, [*rows[table][0]]).encode(), encoder.encode(rows[table]))
        for table, key in KEYS.items()
        if rows[table]
    ]


def _upsert(table: str, key: str, columns: Sequence[str]) -> str:
    then = "NOTHING"
    if table in RENEWED:
        values = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key.split(", "))
        then = f"UPDATE SET {values} WHERE {table}.seq < excluded.seq"
    elif table == "live_trades":
        then = COUNTED
    return f"""INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, convert_from(%b, 'UTF8')::json)
        ON CONFLICT ({key}) DO {then}"""  # noqa: S608 - names of our own
