"""Fees, slippage, financing and margin: known answers by hand, and texts that are refused."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import placing as p
from trading.errors import FrictionError
from trading.fees import Fees, fee_before_minimum, fee_to_pay
from trading.financing import YEAR_US, borrow_fee, funding_payment, interest_on
from trading.friction_options import (
    margin_of,
    parse_fees,
    parse_impact,
    parse_latency,
    parse_margin,
    parse_slippage,
    parse_spread,
)
from trading.frictions import Carry, Frictions, Margin
from trading.ledger import DIVIDENDS, MARGIN_CALLS
from trading.rules import Rules
from trading.slippage import Slippage, priced, square_root_impact, volume_share_impact

_spec = importlib.util.spec_from_file_location("desk", Path(__file__).with_name("desk.py"))
assert _spec is not None
assert _spec.loader is not None
_desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_desk)
Scripted, DAY_US = _desk.Scripted, _desk.DAY_US

NAN = float("nan")
FLAT = (100.0, 100.0, 100.0, 100.0)


def test_fees_of_every_kind() -> None:
    assert fee_before_minimum(parse_fees("percent:5bps"), 50.0, -200.0, 0.0, maker=False) == pytest.approx(5.0)
    assert fee_before_minimum(parse_fees("percent:0.1%"), 50.0, 200.0, 0.0, maker=False) == pytest.approx(10.0)
    assert fee_before_minimum(parse_fees("per-share:0.005"), 50.0, 200.0, 0.0, maker=False) == pytest.approx(1.0)
    assert fee_before_minimum(parse_fees("per-contract:2.25"), 50.0, -4.0, 0.0, maker=True) == pytest.approx(9.0)


def test_tiers_go_by_what_was_traded_and_makers_pay_less() -> None:
    fees = parse_fees("tiered:2/5:1e6=1/4:1e7=0/3")
    asked = [fee_before_minimum(fees, 100.0, 100.0, traded, maker=False) for traded in (0.0, 999_999.0, 1e6, 2e7)]
    assert asked == pytest.approx([5.0, 5.0, 4.0, 3.0])
    assert fee_before_minimum(fees, 100.0, 100.0, 2e7, maker=True) == 0.0


def test_a_minimum_holds_for_the_order_and_not_for_each_fill() -> None:
    fees = parse_fees("per-share:0.005:min=1")
    thin = Frictions(fees=fees, slippage=Slippage(volume_limit=0.1))
    desk = Scripted(thin)
    desk.bar(FLAT, lambda o: p.place_market(o, 1.0, 30))
    for _ in range(3):
        desk.bar(FLAT, volume=100.0)
    assert desk.account.cash == pytest.approx(10_000.0 - 30 * 100.0 - 1.0)
    assert fee_to_pay(parse_fees("per-share:0.005:min=1:max=1%"), 0.05, 0.05, 0.0, 20.0) == pytest.approx(0.2)


@given(
    fills=st.lists(st.integers(1, 500), min_size=1, max_size=8),
    minimum=st.floats(0.0, 20.0),
    rate=st.floats(0.0, 0.1),
)
def test_fills_together_pay_what_their_order_owes(fills: list[int], minimum: float, rate: float) -> None:
    fees, due, paid, value = Fees(1, rate, minimum), 0.0, 0.0, 0.0
    for quantity in fills:
        own = fee_before_minimum(fees, 10.0, quantity, 0.0, maker=False)
        due, value = due + own, value + 10.0 * quantity
        paid += fee_to_pay(fees, own, due, paid, value)
    assert paid == pytest.approx(max(minimum, rate * sum(fills)))


def test_slippage_parts_add_up_against_the_trader() -> None:
    slippage = Slippage(bps=10.0, ticks=2.0, tick=0.05, half_spread=0.03)
    buy = priced(slippage, 100.0, 5.0, NAN, (0.0, 0.0), (0.0, 0.0))
    sell = priced(slippage, 100.0, -5.0, NAN, (0.0, 0.0), (0.0, 0.0))
    assert [buy.price, sell.price] == pytest.approx([100.23, 99.77])
    assert [buy.spread, buy.slippage, buy.impact] == pytest.approx([0.03, 0.2, 0.0])


@given(
    price=st.floats(1.0, 1e4),
    limit_off=st.floats(0.0, 0.01),
    quantity=st.sampled_from([-100.0, -1.0, 1.0, 100.0]),
    bps=st.floats(0.0, 200.0),
    spread=st.floats(0.0, 5.0),
)
def test_no_limit_is_passed_and_the_parts_still_add_up(
    price: float, limit_off: float, quantity: float, bps: float, spread: float
) -> None:
    side = math.copysign(1.0, quantity)
    limit = price * (1.0 + side * limit_off)
    fill = priced(Slippage(bps=bps, half_spread=spread), price, quantity, limit, (0.0, 0.0), (0.0, 0.0))
    assert side * (fill.price - limit) <= 0.0
    assert fill.spread + fill.slippage + fill.impact == pytest.approx(side * (fill.price - price), abs=1e-9 * price)


def test_volume_share_and_the_square_root_law() -> None:
    slippage = Slippage(volume_limit=0.025, volume_impact=0.1)
    assert volume_share_impact(slippage, 50.0, 10.0, 0.0, 1_000.0) == pytest.approx(50.0 * 0.1 * 0.01**2)
    assert volume_share_impact(slippage, 50.0, 900.0, 0.0, 1_000.0) == pytest.approx(50.0 * 0.1 * 0.025**2)
    assert square_root_impact(1.0, 50.0, -2_500.0, 0.02, 250_000.0) == pytest.approx(50.0 * 0.02 * 0.1)


def test_a_resting_limit_pays_no_slippage_and_a_maker_fee() -> None:
    frictions = Frictions(fees=parse_fees("tiered:0/50"), slippage=Slippage(half_spread=0.5))
    desk = Scripted(frictions)
    desk.bar(FLAT, lambda o: p.place_limit(o, 1.0, 10, 99.0))
    desk.bar((100.0, 101.0, 98.0, 100.0))
    assert desk.trades() == [(10, 99.0)]
    assert desk.account.cash == pytest.approx(10_000.0 - 990.0)


def test_time_is_paid_for() -> None:
    assert borrow_fee(-1_000.0, 0.0365, DAY_US) == pytest.approx(0.1)
    assert borrow_fee(1_000.0, 0.0365, DAY_US) == 0.0
    assert funding_payment(1_000.0, 0.0001, 0.0, DAY_US) == pytest.approx(0.3)
    assert funding_payment(-1_000.0, 0.0001, 0.0, DAY_US / 3) == pytest.approx(-0.1)
    assert interest_on(2_000.0, -500.0, 0.05, 0.1, YEAR_US) == pytest.approx(75.0)
    assert interest_on(-2_000.0, 5_000.0, 0.05, 0.1, YEAR_US) == pytest.approx(-200.0)


@pytest.mark.parametrize(("side", "cash"), [(1.0, 9_015.0), (-1.0, 10_985.0)])
def test_dividends_go_to_who_held_before_the_ex_date(side: float, cash: float) -> None:
    desk = Scripted()
    desk.bar(FLAT, lambda o: p.place_market(o, side, 10))
    desk.bar(FLAT, dividend=7.0)  # bought on the ex-date: too late
    desk.bar(FLAT, dividend=1.5)
    assert desk.account.cash == pytest.approx(cash)
    assert desk.account.desk.ledger[DIVIDENDS] == pytest.approx(15.0 * side)


def test_what_equity_does_not_carry_is_not_filled() -> None:
    desk = Scripted(Frictions(margin=Margin(initial=0.5)), cash=1_000.0)
    desk.bar(FLAT, lambda o: p.place_market(o, 1.0, 30))
    desk.bar(FLAT)
    assert desk.trades() == [(20, 100.0)]
    assert desk.reasons() == ["not enough money for the margin"]


def test_a_margin_call_sells_all_at_the_next_open() -> None:
    desk = Scripted(Frictions(margin=Margin(initial=0.5, maintenance=0.3)), cash=1_000.0)
    desk.bar(FLAT, lambda o: p.place_market(o, 1.0, 20))
    desk.bar(FLAT)
    desk.bar((75.0, 76.0, 70.0, 71.0))  # equity 420 of 1,420: 29.6 %
    assert desk.account.desk.ledger[MARGIN_CALLS] == 1
    assert "margin call" in desk.reasons()
    desk.bar((69.0, 80.0, 69.0, 80.0))
    assert desk.trades() == [(-20, 69.0)]
    assert desk.account.cash == pytest.approx(1_000.0 - 20 * 31.0)


def test_short_proceeds_earn_nothing_and_units_ask_for_no_money() -> None:
    desk = Scripted(Frictions(rules=Rules(), carry=Carry(interest=0.365)), cash=1_000.0)
    desk.bar(FLAT, lambda o: p.place_market(o, -1.0, 10))
    desk.bar(FLAT)  # a day's interest on 1,000
    desk.bar(FLAT)  # and one more: the 1,000 of the sale earn nothing
    assert desk.account.cash == pytest.approx(2_000.0 + 1.0 + 1.001, abs=1e-9)
    assert margin_of("", 1.0, guarded=False).initial == 0.0
    assert margin_of("initial=25%", 4.0, guarded=True) == Margin(0.25, 0.0, 4.0)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_fees, "foo"),
        (parse_fees, "percent"),
        (parse_fees, "percent:60%"),
        (parse_fees, "per-share:-1"),
        (parse_fees, "per-share:0.01:mn=1"),
        (parse_fees, "per-share:nan"),
        (parse_fees, "tiered:2"),
        (parse_fees, "tiered:2/5:10=1/1:5=0/0"),
        (lambda text: parse_spread(text, 0.0), "1tick"),
        (lambda text: parse_spread(text, 0.01), "wide"),
        (lambda text: parse_slippage(text, 0.0), "ticks:1"),
        (lambda text: parse_slippage(text, 0.01), "volume-share:limit=2"),
        (parse_impact, "linear:1"),
        (parse_impact, "sqrt:1:bars=1"),
        (parse_latency, "soon"),
        (parse_latency, "1.5bars"),
        (parse_latency, "-3ms"),
        (parse_margin, "initial=50%:maintenance=60%"),
        (parse_margin, "initial=0%"),
        (lambda text: margin_of(text, 3.0, guarded=True), "initial=50%"),
    ],
)
def test_a_text_that_says_nothing_is_refused(parse: object, text: str) -> None:
    with pytest.raises(FrictionError):
        parse(text)  # type: ignore[operator]


def test_texts_that_say_something() -> None:
    assert parse_spread("4bps", 0.0) == pytest.approx((2.0, 0.0))
    assert parse_spread("0.04", 0.0) == pytest.approx((0.0, 0.02))
    assert parse_spread("2ticks", 0.01) == pytest.approx((0.0, 0.01))
    assert parse_slippage("volume-share", 0.0) == {"volume_limit": 0.025, "volume_impact": 0.1}
    assert parse_impact("sqrt:0.8:bars=10") == (0.8, 10)
    assert parse_latency("250ms") == (0, 250_000.0)
    assert parse_latency("1bar") == (1, 0.0)
    assert parse_margin("initial=50%:maintenance=25%") == (0.5, 0.25)
