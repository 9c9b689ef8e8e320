"""Chains of replacements: what happens to the old order, and whose fills count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live_engine.orders.status import OrdStatus
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D

if TYPE_CHECKING:
    from live_engine.events import Body
    from live_engine.orders.book import OrderBook


def chain(*more: Body, quantity: str = "20") -> OrderBook:
    """`a` for 10, of which 4 have filled, and `b` on its way to take its place."""
    return make.book_of(
        make.intent(), make.submitted(), make.accepted(), make.fill(),
        make.intent("b", quantity, replaces="a"), make.submitted("b"), *more,
    )  # fmt: skip


def test_the_old_order_waits_for_the_answer() -> None:
    book = chain()
    assert (book.orders["a"].status, book.orders["b"].status) == (OrdStatus.PENDING_REPLACE, OrdStatus.SUBMITTED)


def test_the_new_order_takes_the_place_and_the_fills() -> None:
    book = chain(make.replaced("b"))
    old, new = book.orders["a"], book.orders["b"]
    assert (old.status, old.replaced_by, old.leaves) == (OrdStatus.REPLACED, "b", D(0))
    assert (new.status, new.cumulative, new.filled, new.leaves) == (OrdStatus.PARTIALLY_FILLED, D(4), D(0), D(16))


def test_a_refused_replacement_leaves_the_old_order_as_it_was() -> None:
    for refusal in (make.replace_rejected("b"), make.rejected("b"), make.denied("b"), make.canceled("b")):
        book = make.book_of(make.intent(), make.submitted(), make.accepted(), make.fill())
        before = book.orders["a"].status
        make.tell(book, make.intent("b", replaces="a"), make.submitted("b"), refusal)
        if refusal != make.denied("b"):  # our own rules cannot end what was sent
            assert (book.orders["a"].status, book.orders["b"].is_open) == (before, False)


def test_a_fill_under_the_old_id_after_the_replacement_counts_for_the_chain() -> None:
    book = chain(make.replaced("b"), make.fill("a", "2", "3"), make.fill("b", "1", "13"))
    old, new = book.orders["a"], book.orders["b"]
    assert (old.filled, old.late) == (D(7), True)
    assert (new.cumulative, new.status, new.late) == (D(20), OrdStatus.FILLED, False)
    assert book.chain_filled("a") == book.chain_filled("b") == book.positions.quantity("ACME") == 20


def test_fills_of_the_old_order_do_not_fill_a_new_one_that_nobody_has_taken() -> None:
    book = chain(make.fill("a", "2", "6"), quantity="8")
    assert (book.orders["a"].status, book.orders["b"].status) == (OrdStatus.FILLED, OrdStatus.SUBMITTED)
    make.tell(book, make.replace_rejected("b"))
    assert (book.orders["a"].status, book.orders["b"].status) == (OrdStatus.FILLED, OrdStatus.REJECTED)


def test_a_replacement_below_what_has_filled_is_filled_at_once() -> None:
    book = chain(make.replaced("b"), quantity="4")
    assert (book.orders["b"].status, book.orders["b"].overfilled) == (OrdStatus.FILLED, False)


def test_what_is_asked_of_the_old_order_comes_back_when_the_replacement_is_refused() -> None:
    book = chain(make.ask_cancel("a"), make.replace_rejected("b"))
    assert book.orders["a"].status is OrdStatus.PENDING_CANCEL


def test_an_answer_that_denies_what_was_granted_is_a_dispute() -> None:
    book = chain(make.replaced("b"), make.replace_rejected("b"))
    assert (book.orders["b"].is_open, book.orders["b"].disputed) == (True, True)


def test_chains_of_three_count_through() -> None:
    book = chain(make.replaced("b"), make.fill("b", "1", "5"))
    make.tell(book, make.intent("c", "12", replaces="b"), make.submitted("c"), make.replaced("c"))
    assert [order.id for order in book.chain("b")] == ["a", "b", "c"]
    assert (book.orders["c"].carried, book.orders["c"].leaves) == (D(9), D(3))
    make.tell(book, make.fill("a", "2", "3"))
    assert (book.orders["c"].cumulative, book.orders["c"].status) == (D(12), OrdStatus.FILLED)


def test_a_replaced_stop_goes_on_where_it_was() -> None:
    trail: dict[str, Any] = {"side": "sell", "order_type": "trailing_stop", "trail": D(5)}
    book = make.book_of(make.intent(decision_price=D(100), **trail))
    make.tell(book, make.intent("b", "7", replaces="a", decision_price=D(80), **trail))
    assert book.orders["b"].stop_price == 95
