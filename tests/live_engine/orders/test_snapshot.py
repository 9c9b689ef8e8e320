"""Snapshots: what goes in comes out, whatever is torn or foreign is refused."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.errors import SnapshotError
from live_engine.orders import snapshot
from live_engine.orders.book import OrderBook
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D

if TYPE_CHECKING:
    from live_engine.events import Body


def full_book() -> OrderBook:
    return make.book_of(
        make.intent("e"), make.submitted("e"), make.fill("e", quantity="3", price="100.05", fee=D("0.01")),
        make.intent("x", parent="e", group="g", side="sell", order_type="trailing_stop", trail=D(2)),
        make.intent("y"), make.canceled("y"), make.fill("nobody"), make.fill("y"),
    )  # fmt: skip


def test_a_book_comes_back_whole() -> None:
    book = full_book()
    back = snapshot.from_bytes(snapshot.to_bytes(book), where="here")
    assert snapshot.to_bytes(back) == snapshot.to_bytes(book)
    assert (back.orders, back.fills, back.strays, back.closed) == (book.orders, book.fills, book.strays, book.closed)
    assert (back.open_orders(), back.group("g"), back.children("e")) == (
        book.open_orders(), book.group("g"), book.children("e"),
    )  # fmt: skip
    assert back.positions.by_symbol == book.positions.by_symbol


def test_a_snapshot_cut_anywhere_is_refused() -> None:
    data = snapshot.to_bytes(full_book())
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            snapshot.from_bytes(data[:length], where="here")


def test_a_snapshot_with_any_byte_changed_is_refused() -> None:
    data = snapshot.to_bytes(full_book())
    for place in range(len(data)):
        changed = bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]])
        with pytest.raises(SnapshotError):
            snapshot.from_bytes(changed, where="here")


@pytest.mark.parametrize(
    ("content", "what"),
    [({"version": 99}, "its version is 99"), ({"version": 1}, "not a snapshot"), ([], "not a snapshot")],
)
def test_a_snapshot_of_another_version_is_refused_with_a_hint(content: object, what: str) -> None:
    payload = msgspec.msgpack.encode(content)
    with pytest.raises(SnapshotError, match=what) as caught:
        snapshot.from_bytes(zlib.crc32(payload).to_bytes(4, "big") + payload, where="snapshot 7")
    assert caught.value.where == "snapshot 7"
    assert "journal" in caught.value.hint


def test_what_is_forgotten_is_the_same_whether_a_snapshot_came_between_or_not() -> None:
    told: list[Body] = [make.limit("e"), make.limit("x", parent="e"), make.fill("e", quantity="10")]
    for number in range(20):
        name = f"o{number}"
        told += [make.limit(name, group="g" if number % 3 else ""), make.canceled(name), make.fill(f"o{number // 2}")]
    whole = make.tell(OrderBook(keep_closed=3), *told)
    assert len(whole.closed) <= 4
    for count in range(len(told)):
        kept = snapshot.to_bytes(make.tell(OrderBook(keep_closed=3), *told[:count]))
        rest = make.tell(snapshot.from_bytes(kept, where="here", keep_closed=3), *told[count:])
        assert snapshot.to_bytes(rest) == snapshot.to_bytes(whole)
