"""Brackets, groups, exits without a position and the end of a session, as they are read off the book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from live_engine.events import CancelRequested, OrderCanceled, OrderExpired, OrderIntent, OrderTriggered
from live_engine.orders import contingency, snapshot
from live_engine.orders.status import OrdStatus
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D

if TYPE_CHECKING:
    from live_engine.events import Body
    from live_engine.orders.book import OrderBook

EXIT: dict[str, Any] = {"side": "sell", "parent": "e", "group": "g", "reduce_only": True, "time_in_force": "gtc"}


def bracket(*more: Body) -> OrderBook:
    """An entry for 10 that works, its stop and its target, which wait."""
    return make.book_of(
        make.limit("e"), make.intent("s", order_type="stop", stop_price=D(90), **EXIT),
        make.limit("t", price="120", **EXIT), make.submitted("e"), make.accepted("e"), *more,
    )  # fmt: skip


def follow(book: OrderBook, body: Body) -> tuple[Body, ...]:
    """Tell an event and what follows from it; answer what followed."""
    make.tell(book, body)
    bodies = contingency.consequences(book, body)
    assert bodies == contingency.outstanding(book)  # what was lost before it was written is asked for again
    make.tell(book, *bodies)
    assert contingency.outstanding(book) == ()  # and what was written is not asked for twice
    return bodies


def works(book: OrderBook, *order_ids: str) -> None:
    for order_id in order_ids:
        make.tell(book, make.submitted(order_id), make.accepted(order_id))


def live_bracket() -> OrderBook:
    """A bracket whose entry has filled 4 of 10 and whose exits work."""
    book = bracket()
    follow(book, make.fill("e"))
    works(book, "s", "t")
    return book


def asked(bodies: tuple[Body, ...]) -> list[tuple[str, str]]:
    return [(type(body).__name__, getattr(body, "client_order_id", "")) for body in bodies]


def test_an_exit_that_comes_after_the_other_has_sold_everything_does_not_sell_it_again() -> None:
    book = make.book_of(
        make.limit("other"), make.accepted("other"), make.fill("other", quantity="10"),
        make.limit("e"), make.accepted("e"), make.fill("e", quantity="10"),
        make.intent("s", order_type="stop", stop_price=D(90), **EXIT), make.accepted("s"),
    )  # fmt: skip
    make.tell(book, make.fill("s", quantity="10"))
    assert asked(follow(book, make.limit("t", price="120", **EXIT))) == [("OrderCanceled", "t")]
    assert book.orders["t"].reason == contingency.SIBLING
    assert book.positions.quantity("ACME") == 10


def test_exits_wait_for_their_entry() -> None:
    book = bracket()
    assert contingency.outstanding(book) == ()
    assert (book.orders["s"].waiting, book.orders["t"].waiting) == (True, True)


def test_exits_come_to_life_as_large_as_what_has_filled() -> None:
    book = bracket()
    assert follow(book, make.fill("e", price="99")) == (
        OrderTriggered(client_order_id="s", price=D(99), quantity=D(4)),
        OrderTriggered(client_order_id="t", price=D(99), quantity=D(4)),
    )
    assert (book.orders["s"].waiting, book.orders["s"].quantity) == (False, D(4))


def test_exits_that_are_still_held_grow_with_their_entry() -> None:
    book = bracket()
    follow(book, make.fill("e"))
    assert asked(follow(book, make.fill("e", "2", "3"))) == [("OrderTriggered", "s"), ("OrderTriggered", "t")]
    assert (book.orders["t"].quantity, book.orders["t"].triggered) == (D(7), False)


def test_exits_at_the_venue_are_replaced_by_larger_ones() -> None:
    book = live_bracket()
    bodies = follow(book, make.fill("e", "2", "3"))
    assert asked(bodies) == [("OrderIntent", "s:1"), ("OrderIntent", "t:1")]
    first = bodies[0]
    assert isinstance(first, OrderIntent)
    assert (first.quantity, first.replaces, first.stop_price, first.parent) == (D(7), "s", D(90), "e")
    make.tell(book, make.submitted("s:1"), make.replaced("s:1"), make.submitted("t:1"))
    assert asked(follow(book, make.fill("e", "3", "3"))) == [("OrderIntent", "s:2")]
    assert asked(follow(book, make.replaced("t:1"))) == [("OrderIntent", "t:2")]


def test_a_size_that_the_venue_refused_is_not_tried_again() -> None:
    book = live_bracket()
    follow(book, make.fill("e", "2", "3"))
    make.tell(book, make.submitted("s:1"))
    assert follow(book, make.replace_rejected("s:1")) == ()
    assert make.status(book, "s") is OrdStatus.NEW


def test_a_fill_of_one_exit_shrinks_the_other_and_ends_the_rest_of_the_entry() -> None:
    book = live_bracket()
    bodies = follow(book, make.fill("t", quantity="1", price="120"))
    assert asked(bodies) == [("CancelRequested", "e"), ("OrderIntent", "s:1")]
    assert isinstance(bodies[1], OrderIntent)
    assert bodies[1].quantity == 3


def test_one_exit_that_fills_whole_cancels_the_other() -> None:
    book = live_bracket()
    make.tell(book, make.canceled("e"))
    bodies = follow(book, make.fill("s", quantity="4", price="90"))
    assert bodies == (CancelRequested(client_order_id="t", actor="contingency", reason=contingency.SIBLING),)


def test_an_entry_that_ends_without_a_fill_takes_its_exits_along() -> None:
    for end in (make.canceled("e"), make.expired("e"), make.rejected("e")):
        assert follow(bracket(), end) == (
            OrderCanceled(client_order_id="s", reason=contingency.PARENT_GONE),
            OrderCanceled(client_order_id="t", reason=contingency.PARENT_GONE),
        )


def test_exits_outlive_an_entry_that_was_cancelled_after_a_part_had_filled() -> None:
    book = live_bracket()
    assert follow(book, make.canceled("e")) == ()
    assert (book.orders["s"].is_open, book.orders["s"].leaves) == (True, D(4))


def test_a_late_fill_of_the_entry_makes_the_exits_larger() -> None:
    book = live_bracket()
    make.tell(book, make.canceled("e"))
    assert asked(follow(book, make.fill("e", "2", "1"))) == [("OrderIntent", "s:1"), ("OrderIntent", "t:1")]


def test_an_entry_that_was_replaced_keeps_its_exits() -> None:
    book = bracket(make.limit("e2", "6", replaces="e"), make.submitted("e2"))
    assert follow(book, make.replaced("e2")) == ()
    assert asked(follow(book, make.fill("e2", quantity="6"))) == [("OrderTriggered", "s"), ("OrderTriggered", "t")]
    assert book.orders["s"].quantity == 6


def test_siblings_that_do_not_only_reduce_are_cancelled_at_the_first_fill() -> None:
    book = make.book_of(make.limit("a", group="g"), make.limit("b", group="g"), make.limit("c", group="g"))
    works(book, "a", "b")
    assert follow(book, make.fill("a", quantity="1")) == (
        CancelRequested(client_order_id="b", actor="contingency", reason=contingency.SIBLING),
        OrderCanceled(client_order_id="c", reason=contingency.SIBLING),
    )


def test_fills_before_an_order_joined_its_group_are_not_its_own_affair() -> None:
    book = make.book_of(make.limit("a", group="g"), make.submitted("a"), make.fill("a", quantity="1"))
    assert follow(book, make.limit("b", group="g")) == ()


def test_orders_that_only_reduce_end_with_the_position() -> None:
    book = make.book_of(make.intent("in"), make.fill("in", quantity="10"))
    make.tell(book, make.limit("r", side="sell", reduce_only=True), make.intent("out", side="sell"))
    works(book, "r", "out")
    assert follow(book, make.fill("out", "1", "4")) == ()
    assert follow(book, make.fill("out", "2", "6")) == (
        CancelRequested(client_order_id="r", actor="contingency", reason=contingency.POSITION_CLOSED),
    )


def test_a_cancellation_goes_on_to_the_order_that_took_the_place() -> None:
    book = make.book_of(make.intent("a"), make.submitted("a"), make.accepted("a"), make.intent("b", replaces="a"))
    make.tell(book, make.submitted("b"), make.ask_cancel("a"))
    assert asked(follow(book, make.replaced("b"))) == [("CancelRequested", "b")]


def test_a_venue_that_refuses_to_cancel_is_asked_three_times_and_no_more() -> None:
    book = live_bracket()
    make.tell(book, make.canceled("e"))
    follow(book, make.fill("s", quantity="4"))
    answers = [asked(follow(book, make.cancel_rejected("t"))) for _ in range(4)]
    assert answers == [[("CancelRequested", "t")], [("CancelRequested", "t")], [], []]


def test_what_is_to_follow_survives_a_restart() -> None:
    book = live_bracket()
    make.tell(book, make.fill("t", quantity="1", price="120"))
    restored = snapshot.from_bytes(snapshot.to_bytes(book), where="here")
    assert contingency.outstanding(restored) == contingency.outstanding(book) != ()


def test_an_event_of_no_order_has_no_consequences() -> None:
    assert contingency.consequences(live_bracket(), make.accepted("nobody")) == ()


@pytest.mark.parametrize("at_venue", [True, False])
def test_orders_of_the_day_end_with_the_session(at_venue: bool) -> None:  # noqa: FBT001 - a case
    book = make.book_of(
        make.limit("a"), make.limit("b", time_in_force="gtc"), make.limit("c", symbol="OTHER"),
        make.limit("child", parent="b"),
    )  # fmt: skip
    if at_venue:
        works(book, "a")
    bodies = contingency.at_session_close(book, ["ACME"])
    closed = contingency.SESSION_CLOSED
    asked_for = CancelRequested(client_order_id="a", actor="contingency", reason=closed)
    assert bodies == (asked_for if at_venue else OrderExpired(client_order_id="a", reason=closed),)
    make.tell(book, *bodies)
    assert contingency.at_session_close(book, ["ACME"]) == ()
