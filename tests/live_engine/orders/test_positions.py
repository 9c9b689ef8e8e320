"""Positions: average cost, flips through zero, fees, and sums that lose no digit."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.orders.positions import COST_STEP, Position, Positions, after_trade
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D

if TYPE_CHECKING:
    from decimal import Decimal

EMPTY = Position("ACME", "USD")


def traded(*trades: tuple[str, str]) -> Position:
    position = EMPTY
    for quantity, price in trades:
        position = after_trade(position, D(quantity), D(price))
    return position


@pytest.mark.parametrize(
    ("trades", "quantity", "average", "realised"),
    [
        ([("10", "100"), ("10", "110")], 20, D(105), 0),
        ([("10", "100"), ("10", "110"), ("-5", "120")], 15, D(105), 75),
        ([("10", "100"), ("-10", "90")], 0, None, -100),
        ([("10", "100"), ("-15", "110")], -5, D(110), 100),
        ([("-10", "100"), ("4", "90")], -6, D(100), 40),
        ([("-10", "100"), ("-10", "120"), ("30", "100")], 10, D(100), 200),
        ([("0.3", "0.1"), ("-0.1", "0.2")], D("0.2"), D("0.1"), D("0.01")),
    ],
)
def test_a_position_after_trades(
    trades: list[tuple[str, str]], quantity: Decimal, average: Decimal | None, realised: Decimal
) -> None:
    position = traded(*trades)
    assert position.quantity == quantity
    assert position.average_price == average
    assert position.realised == realised


def test_what_closing_would_earn_is_reckoned_from_the_average() -> None:
    assert traded(("10", "100"), ("10", "110")).unrealised(D(106)) == 20
    assert traded(("-10", "100")).unrealised(D(90)) == 100


def test_a_third_is_rounded_between_realised_and_open_but_not_in_their_sum() -> None:
    position = traded(("1", "10"), ("2", "10.01"), ("-1", "12"))
    assert position.realised - position.cost == D(12) - D(10) - D("20.02")
    assert abs(Fraction(position.realised) - (12 - Fraction(3002, 300))) <= Fraction(COST_STEP)
    assert traded(("1", "10"), ("2", "10.01"), ("-1", "12"), ("-2", "12")).realised == D("5.98")


numbers = st.decimals("0.000000000001", "999999999999999.999999999999", places=12, allow_nan=False)


@given(trades=st.lists(st.tuples(st.booleans(), numbers, numbers), min_size=1, max_size=12))
def test_numbers_of_27_digits_are_summed_without_loss(trades: list[tuple[bool, Decimal, Decimal]]) -> None:
    position, quantity, paid = EMPTY, Fraction(0), Fraction(0)
    for buys, size, price in trades:
        signed = size if buys else size.copy_negate()
        position = after_trade(position, signed, price)
        quantity += Fraction(signed)
        paid += Fraction(signed) * Fraction(price)
    assert Fraction(position.quantity) == quantity
    assert Fraction(position.cost) - Fraction(position.realised) == paid
    if not position.quantity:
        assert position.cost == 0


def test_cash_is_kept_by_currency_and_fees_leave_their_own() -> None:
    book = make.book_of(
        make.intent("a", currency="EUR"), make.fill("a", quantity="2", price="50", fee=D("0.25")),
        make.intent("b", symbol="BTC-USD"), make.fill("b", quantity="1", price="70", fee=D("0.01"), fee_currency="BNB"),
    )  # fmt: skip
    assert book.positions.cash == {"EUR": D("-100.25"), "USD": D(-70), "BNB": D("-0.01")}
    assert book.positions.by_symbol["ACME"].fees == D("0.25")
    assert book.positions.by_symbol["BTC-USD"].fees == 0


def test_nothing_is_held_of_a_symbol_that_never_traded() -> None:
    assert Positions().quantity("ACME") == 0
