"""Stops that the engine watches itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live_engine.events import OrderTrailed, OrderTriggered
from live_engine.orders import snapshot
from live_engine.orders.stops import on_price, ready, sent_as
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D

if TYPE_CHECKING:
    from live_engine.events import Body, OrderType
    from live_engine.orders.book import OrderBook

ALL: frozenset[OrderType] = frozenset({"stop", "stop_limit", "trailing_stop"})


def trailing(side: str = "sell", **fields: Any) -> OrderBook:  # noqa: ANN401 - any field
    return make.book_of(make.intent(side=side, order_type="trailing_stop", trail=D(5), **fields))


def seen(book: OrderBook, *prices: str) -> list[Body]:
    """What follows from prices, one after the other, the book restored from bytes in between."""
    found: list[Body] = []
    for price in prices:
        book = snapshot.from_bytes(snapshot.to_bytes(book), where="here")
        bodies = on_price(book, "ACME", D(price))
        make.tell(book, *bodies)
        found.extend(bodies)
    return found


def moved(to: str) -> OrderTrailed:
    return OrderTrailed(client_order_id="a", stop_price=D(to))


def met(at: str) -> OrderTriggered:
    return OrderTriggered(client_order_id="a", price=D(at))


def test_a_stop_of_a_sale_follows_the_highest_price_and_never_falls() -> None:
    assert seen(trailing(), "100", "103", "99", "103", "98", "90") == [moved("95"), moved("98"), met("98")]


def test_a_stop_of_a_purchase_follows_the_lowest_price() -> None:
    assert seen(trailing("buy"), "100", "97", "101", "104", "50") == [moved("105"), moved("102"), met("104")]


def test_a_stop_begins_at_the_price_that_was_known_when_it_was_decided_on() -> None:
    assert seen(trailing(decision_price=D(100)), "94") == [met("94")]


def test_an_exit_begins_at_the_price_of_its_entrys_fill() -> None:
    book = trailing(parent="e")
    assert seen(book, "100") == []
    make.tell(book, OrderTriggered(client_order_id="a", price=D(110), quantity=D(10)))
    assert seen(book, "105") == [met("105")]


def test_other_symbols_and_orders_that_were_sent_are_left_alone() -> None:
    book = trailing()
    assert on_price(book, "OTHER", D(1)) == ()
    make.tell(book, make.submitted())
    assert on_price(book, "ACME", D(1)) == ()


def test_a_stop_that_is_to_be_cancelled_triggers_no_more() -> None:
    book = trailing(decision_price=D(100))
    make.tell(book, make.ask_cancel())
    assert on_price(book, "ACME", D(1)) == ()


def test_plain_stops_trigger_where_the_venue_has_none() -> None:
    book = make.book_of(make.intent("a", order_type="stop", stop_price=D(105)))
    assert on_price(book, "ACME", D(110)) == ()
    assert on_price(book, "ACME", D("104.99"), ALL) == ()
    assert on_price(book, "ACME", D(105), ALL) == (met("105"),)


def test_ready_is_what_nobody_has_been_sent_yet_and_waits_for_nothing() -> None:
    book = make.book_of(
        make.intent("m"), make.intent("child", parent="m"), make.intent("stop", order_type="stop", stop_price=D(9)),
        make.intent("trail", order_type="trailing_stop", trail=D(1)), make.intent("gone"), make.ask_cancel("gone"),
        make.intent("sent"), make.submitted("sent"),
    )  # fmt: skip
    assert [order.id for order in ready(book)] == ["m", "stop"]
    assert [order.id for order in ready(book, ALL)] == ["m"]
    make.tell(book, OrderTriggered(client_order_id="trail", price=D(8)))
    assert [order.id for order in ready(book, ALL)] == ["m", "trail"]


def test_a_stop_that_was_watched_here_is_sent_without_it() -> None:
    book = make.book_of(
        make.intent("s", order_type="stop", stop_price=D(9)),
        make.intent("l", order_type="stop_limit", stop_price=D(9), limit_price=D(9)),
        make.intent("t", order_type="trailing_stop", trail=D(1)), make.limit("n"),
    )  # fmt: skip
    assert [sent_as(book.orders[name], ALL) for name in "sltn"] == ["market", "limit", "market", "limit"]
    assert [sent_as(book.orders[name]) for name in "sltn"] == ["stop", "stop_limit", "market", "limit"]
