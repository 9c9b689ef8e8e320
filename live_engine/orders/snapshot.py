"""The whole book to bytes and back, so that the fold of a snapshot and the rest equals the fold of all.

Four bytes of CRC-32 (big endian), then MessagePack. A snapshot is a short cut and never the only copy: whatever is
wrong with one, the journal still has the events.
"""

from __future__ import annotations

import zlib
from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations

import msgspec

from live_engine.errors import SnapshotError
from live_engine.events import OrderFilled  # noqa: TC001 - as above
from live_engine.orders.book import KEEP_CLOSED, OrderBook
from live_engine.orders.order import Fill, Order  # noqa: TC001 - as above
from live_engine.orders.positions import Position  # noqa: TC001 - as above

VERSION = 1  # raised whenever the same events fold to something else, or the shape changes
CRC_BYTES = 4
HINT = "set the snapshot aside: the engine folds the journal from its beginning, which only takes longer"


class _State(msgspec.Struct, frozen=True):
    version: int
    seq: int
    orders: tuple[Order, ...]
    fills: dict[str, tuple[Fill, ...]]
    strays: dict[str, dict[str, tuple[int, OrderFilled]]]
    closed: tuple[str, ...]
    positions: dict[str, Position]
    cash: dict[str, Decimal]


class _Head(msgspec.Struct, frozen=True):
    version: int


def to_bytes(book: OrderBook) -> bytes:
    """The book as bytes; equal books give equal bytes."""
    payload = msgspec.msgpack.encode(
        _State(
            version=VERSION,
            seq=book.seq,
            orders=tuple(book.orders.values()),
            fills={order_id: tuple(fills.values()) for order_id, fills in book.fills.items() if fills},
            strays=book.strays,
            closed=tuple(book.closed),
            positions=book.positions.by_symbol,
            cash=book.positions.cash,
        )
    )
    return zlib.crc32(payload).to_bytes(CRC_BYTES, "big") + payload


def from_bytes(data: bytes, *, where: str, keep_closed: int = KEEP_CLOSED) -> OrderBook:
    """The book of a snapshot; `where` names it in the SnapshotError that torn or foreign bytes raise."""
    payload = data[CRC_BYTES:]
    if zlib.crc32(payload).to_bytes(CRC_BYTES, "big") != data[:CRC_BYTES]:
        raise SnapshotError("its checksum is wrong: it is torn or damaged", where=where, hint=HINT)
    try:
        version = msgspec.msgpack.decode(payload, type=_Head).version
        if version != VERSION:
            raise SnapshotError(f"its version is {version}, this program's {VERSION}", where=where, hint=HINT)
        state = msgspec.msgpack.decode(payload, type=_State)
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"it is not a snapshot of orders: {error}", where=where, hint=HINT) from error
    book = OrderBook(keep_closed=keep_closed)
    book.seq = state.seq
    for order in state.orders:
        book.restore(order, state.fills.get(order.id, ()))
    book.strays = state.strays
    book.closed = dict.fromkeys(state.closed)
    book.positions.by_symbol = state.positions
    book.positions.cash = state.cash
    return book
