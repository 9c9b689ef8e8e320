"""One book: fills that come twice, late, early or wrong; unknown fates; replacements; what is found by what."""

from __future__ import annotations

from itertools import permutations

import pytest

from live_engine.events import OrderFilled, OrderTrailed, OrderTriggered, StreamConnected
from live_engine.orders.book import OrderBook
from live_engine.orders.order import same_order
from live_engine.orders.status import OrdStatus
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D


def test_an_event_is_applied_once_by_its_seq() -> None:
    book = make.book_of(make.intent(), make.submitted())
    assert book.apply(make.fill(), 3, 3) is not None
    assert book.apply(make.fill(fill_id="2"), 3, 3) is None
    assert book.orders["a"].filled == 4


def test_events_of_others_change_nothing() -> None:
    book = make.book_of(make.intent())
    assert book.apply(StreamConnected(stream="replay"), 2, 2) is None
    assert book.apply(make.accepted("nobody"), 3, 3) is None
    assert book.seq == 3


def test_a_fill_that_comes_twice_counts_once() -> None:
    order = make.order_of(make.intent(), make.submitted(), make.fill(), make.fill())
    assert (order.filled, order.value, order.disputed) == (D(4), D(400), False)


def test_a_known_fill_with_other_numbers_is_disputed_and_does_not_count() -> None:
    order = make.order_of(make.intent(), make.submitted(), make.fill(), make.fill(quantity="5"), make.fill())
    assert (order.filled, order.disputed) == (D(4), True)


@pytest.mark.parametrize(("quantity", "price"), [("NaN", "1"), ("1", "Infinity"), ("0", "1"), ("-3", "1")])
def test_numbers_that_no_trade_has_are_disputed_and_do_not_count(quantity: str, price: str) -> None:
    book = make.book_of(make.intent(), make.submitted(), make.fill(quantity=quantity, price=price))
    assert (book.orders["a"].filled, book.orders["a"].disputed) == (D(0), True)
    assert book.positions.by_symbol == {}


def test_fills_and_answers_in_any_order_end_alike() -> None:
    told = [make.submitted(), make.accepted(), make.fill(fill_id="1"), make.fill(fill_id="2", quantity="6")]
    ends = {str(make.without_times(make.order_of(make.intent(), *order))) for order in permutations(told)}
    assert len(ends) == 1


def test_a_fill_of_an_order_that_is_not_known_yet_counts_once_it_is() -> None:
    book = make.book_of(make.fill(), make.fill())
    assert book.positions.by_symbol == {}
    make.tell(book, make.intent())
    assert (book.orders["a"].filled, book.positions.quantity("ACME"), book.strays) == (D(4), D(4), {})


@pytest.mark.parametrize("end", [make.canceled(), make.expired(), make.rejected()])
def test_a_fill_after_the_end_counts_and_is_flagged(end: OrderFilled) -> None:
    book = make.book_of(make.intent(), make.submitted(), end, make.fill())
    order = book.orders["a"]
    assert (order.filled, order.late, order.is_open) == (D(4), True, False)
    assert book.fills["a"]["1"].late
    assert book.positions.quantity("ACME") == 4


def test_more_than_was_wanted_is_flagged() -> None:
    order = make.order_of(make.intent(), make.submitted(), make.fill(quantity="10"), make.fill(fill_id="2"))
    assert (order.standing, order.filled, order.overfilled, order.late) == (OrdStatus.FILLED, D(14), True, False)


def test_an_unknown_order_stays_unknown_until_the_venue_speaks() -> None:
    book = make.book_of(make.intent(), make.submitted(), make.unknown(), make.submitted(), make.ask_cancel())
    assert make.status(book) is OrdStatus.UNKNOWN
    assert book.unresolved() == (book.orders["a"],)
    make.tell(book, make.accepted())
    assert make.status(book) is OrdStatus.PENDING_CANCEL
    make.tell(book, make.canceled())
    assert (book.orders["a"].status, book.unresolved()) == (OrdStatus.CANCELED, ())


def test_an_unknown_order_with_fills_is_partially_filled_once_accepted() -> None:
    order = make.order_of(make.intent(), make.submitted(), make.fill(), make.unknown(), make.accepted())
    assert order.status is OrdStatus.PARTIALLY_FILLED


def test_an_acceptance_after_a_rejection_is_a_dispute() -> None:
    book = make.book_of(make.intent(), make.submitted(), make.rejected(), make.accepted())
    assert (book.orders["a"].standing, book.orders["a"].disputed) == (OrdStatus.REJECTED, True)
    assert book.disputed() == (book.orders["a"],)


def test_the_same_order_again_is_the_first_one() -> None:
    book = make.book_of(make.intent(), make.submitted())
    first = book.orders["a"]
    assert book.apply(make.intent(), 3, 3) is None
    assert book.apply(make.intent(quantity="11"), 4, 4) is None
    assert book.orders["a"] == first


def test_same_content_is_the_same_order_and_other_content_is_not() -> None:
    one = make.limit(actor="ann")
    assert same_order(one, make.limit(quantity="10.00", price="1E+2", actor="bob", decision_price=D(99)))
    for other in (make.limit(quantity="9"), make.limit(price="99"), make.limit(side="sell"), make.limit(group="g")):
        assert not same_order(one, other)


def test_orders_are_found_by_group_parent_and_symbol() -> None:
    book = make.book_of(
        make.intent("a"), make.intent("b", parent="a", group="g"), make.intent("c", parent="a", group="g"),
        make.intent("d", symbol="OTHER"), make.canceled("c"),
    )  # fmt: skip
    assert [order.id for order in book.group("g")] == ["b", "c"]
    assert [order.id for order in book.children("a")] == ["b", "c"]
    assert [order.id for order in book.open_orders("ACME")] == ["a", "b"]
    assert [order.id for order in book.open_orders()] == ["a", "b", "d"]
    assert (book.group(""), book.children("d"), book.open_orders("NONE")) == ((), (), ())


def test_triggers_and_moved_stops_are_kept() -> None:
    stop = make.intent(side="sell", order_type="trailing_stop", trail=D(5), decision_price=D(100))
    book = make.book_of(stop)
    assert book.orders["a"].stop_price == 95
    make.tell(
        book, OrderTrailed(client_order_id="a", stop_price=D(97)), OrderTriggered(client_order_id="a", price=D(97))
    )
    assert (book.orders["a"].stop_price, book.orders["a"].triggered) == (D(97), True)


def test_closed_orders_are_forgotten_oldest_first_but_not_what_open_ones_need() -> None:
    book = OrderBook(keep_closed=2)
    make.tell(book, make.intent("entry"), make.intent("exit", parent="entry"), make.fill("entry", quantity="10"))
    for number in range(9):
        make.tell(book, make.intent(f"x{number}"), make.canceled(f"x{number}"), make.accepted("nobody"))
    assert set(book.orders) == {"entry", "exit", "x8"}
    make.tell(book, make.canceled("exit"), make.accepted("nobody"))
    assert len(book.orders) == len(book.closed) == 2
    assert set(book.fills) == set(book.orders)
