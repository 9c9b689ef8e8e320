"""Every rule at its boundary: at the limit an order passes, one tick beyond it is denied, with the numbers told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.events import OrderSubmitted
from live_engine.risk.check import RULES, check, denied
from live_engine.risk.duplicates import RecentOrders, fold_recent
from live_engine.risk.rate import OrderCounts, fold_counts
from live_engine.risk.view import LastPrice
from tests.live_engine.risk.facts import LIMITS, NOW, SECOND, event, limits, order, view, working

if TYPE_CHECKING:
    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView, WorkingOrder

Case = tuple["OrderIntent", "RiskView", "RiskLimits"]


def sent(count: int, ago_ns: int = 0) -> OrderCounts:
    counts = OrderCounts()
    for _ in range(count):
        counts = fold_counts(counts, event(OrderSubmitted(client_order_id="x", venue="paper"), NOW - ago_ns))
    return counts


def seen(ago_s: float) -> RecentOrders:
    then = NOW - round(ago_s * SECOND)
    return fold_recent(RecentOrders(), event(order(client_order_id="before"), then))


def aged(seconds: float) -> dict[str, LastPrice]:
    return {"A": LastPrice(Decimal(100), NOW - round(seconds * SECOND))}


BOUNDARIES: dict[str, tuple[Case, Case, str]] = {
    "numbers": (
        (order(quantity="0.00000001"), view(), limits()),
        (order(quantity=0), view(), limits()),
        "its quantity is 0",
    ),
    "kill_switch": (
        (order(), view(kill=""), limits()),
        (order(), view(kill="halt"), limits()),
        "the kill switch is on: halt",
    ),
    "symbol": (
        (order(symbol="B"), view(), limits(symbols=("A", "B"))),
        (order(symbol="B"), view(), limits(symbols=("A",))),
        "'B' is not among the 1 symbols that may be traded",
    ),
    "hours": (
        (order(), view(), limits(hours="09:30-16:00")),
        (order(), view(), limits(hours="09:31-16:00")),
        "it is Tuesday 09:30:00 EST, the hours are 09:31-16:00 Monday to Friday",
    ),
    "clock_offset": (
        (order(), view(clock_offset_ms=-250.0), limits(max_clock_offset_ms=250.0)),
        (order(), view(clock_offset_ms=-250.001), limits(max_clock_offset_ms=250.0)),
        "our clock is -250.001 ms off the venue's, at most 250 ms may be",
    ),
    "stale_price": (
        (order(), view(prices=aged(30)), limits(max_price_age_s=30.0)),
        (order(), view(prices=aged(30.001)), limits(max_price_age_s=30.0)),
        "the last price of A is 30.001 s old, at most 30 s may be",
    ),
    "order_quantity": (
        (order(quantity=10), view(), limits(max_order_quantity=Decimal(10))),
        (order(quantity="10.01"), view(), limits(max_order_quantity=Decimal(10))),
        "it is for 10.01 units, at most 10 may be",
    ),
    "order_notional": (
        (order(quantity=10, limit_price="101"), view(), limits(max_order_notional=Decimal(1010))),
        (order(quantity=10, limit_price="101.01"), view(), limits(max_order_notional=Decimal(1010))),
        "it is worth 1010.10 at 101.01, at most 1010 may be",
    ),
    "price_collar": (
        (order("sell", limit_price="95"), view(), limits(price_collar_bps=Decimal(500))),
        (order("sell", limit_price="94.99"), view(), limits(price_collar_bps=Decimal(500))),
        "its limit 94.99 lies 5.01 below the last price 100, at most 5 (500 bps) may be",
    ),
    "self_cross": (
        (order(limit_price="99.99"), view(working=(working("sell", limit_price=100),)), limits(forbid_self_cross=True)),
        (order(limit_price="100"), view(working=(working("sell", limit_price=100),)), limits(forbid_self_cross=True)),
        "it would trade with our own sell order 'old' at 100",
    ),
    "duplicate": (
        (order(), view(recent=seen(2)), limits(duplicate_window_s=2.0)),
        (order(), view(recent=seen(1.999)), limits(duplicate_window_s=2.0)),
        "order 'before' asked for the same 1.999 s ago, within 2 s that is taken for a mistake",
    ),
    "position_quantity": (
        (
            order(quantity=3),
            view(positions={"A": 5}, working=(working(remaining=2),)),
            limits(max_position_quantity=Decimal(10)),
        ),
        (
            order(quantity="3.01"),
            view(positions={"A": 5}, working=(working(remaining=2),)),
            limits(max_position_quantity=Decimal(10)),
        ),
        "with what works already A could come to 10.01 units, at most 10 may be",
    ),
    "position_notional": (
        (order(quantity=10), view(), limits(max_position_notional=Decimal(1000))),
        (order(quantity="10.01"), view(), limits(max_position_notional=Decimal(1000))),
        "with what works already A could come to a value of 1001.00, at most 1000 may be",
    ),
    "gross_exposure": (
        (order(quantity=60), view(positions={"B": -40}), limits(max_gross_exposure=Decimal(1))),
        (order(quantity="60.01"), view(positions={"B": -40}), limits(max_gross_exposure=Decimal(1))),
        "could come to 10001.00, at most 10000 may be: 1 times the equity of 10000",
    ),
    "daily_loss": (
        (order(), view(equity=9_500), limits(max_daily_loss=Decimal(500))),
        (order(), view(equity="9499.99"), limits(max_daily_loss=Decimal(500))),
        "500.01 have been lost today, at most 500 may be",
    ),
    "drawdown": (
        (order(), view(equity=9_000), limits(max_drawdown_pct=Decimal(10))),
        (order(), view(equity="8999.99"), limits(max_drawdown_pct=Decimal(10))),
        "equity 8999.99 lies 1000.01 below its highest, 10000; at most 10 % may be",
    ),
    "orders_per_second": (
        (order(), view(counts=sent(4)), limits(max_orders_per_second=5)),
        (order(), view(counts=sent(5)), limits(max_orders_per_second=5)),
        "5 orders were sent within one second, at most 5 may be",
    ),
    "orders_per_minute": (
        (order(), view(counts=sent(5, 60 * SECOND)), limits(max_orders_per_minute=5)),
        (order(), view(counts=sent(5, 59 * SECOND)), limits(max_orders_per_minute=5)),
        "5 orders were sent within one minute, at most 5 may be",
    ),
    "orders_per_day": (
        (order(), view(counts=sent(9, 3_600 * SECOND)), limits(max_orders_per_day=10)),
        (order(), view(counts=sent(10, 3_600 * SECOND)), limits(max_orders_per_day=10)),
        "10 orders were sent today (UTC), at most 10 may be",
    ),
}


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_at_the_limit_an_order_passes_and_one_tick_beyond_it_is_denied(name: str) -> None:
    at, beyond, reason = BOUNDARIES[name]
    assert check(*at, NOW) is None
    found = check(*beyond, NOW)
    assert found is not None
    assert found.rule == name
    assert reason in found.reason
    assert found.hint


def test_the_first_rule_that_refuses_is_the_answer() -> None:
    found = check(order(quantity=10**6, symbol="C"), view(kill="flatten", equity=1), LIMITS, NOW)
    assert found is not None
    assert found.rule == "kill_switch"


def test_the_defaults_let_a_small_account_buy_what_it_can_pay_and_turn_it_round() -> None:
    assert check(order(quantity=100), view(), LIMITS, NOW) is None
    assert check(order(quantity="100.01"), view(), LIMITS, NOW) is not None
    assert check(order("sell", quantity=200), view(positions={"A": 100}), LIMITS, NOW) is None


def test_what_is_written_down_of_a_refusal_tells_reason_and_hint() -> None:
    found = check(order(), view(kill="halt"), LIMITS, NOW)
    assert found is not None
    body = denied(order(), found)
    assert (body.client_order_id, body.rule) == ("new", "kill_switch")
    assert body.reason == "the kill switch is on: halt (exits pass; `live-engine kill rearm` allows entries again)"


@pytest.mark.parametrize(
    "wrong",
    [
        order(quantity="NaN"),
        order(quantity="Infinity"),
        order(quantity=-1),
        order(limit_price="NaN"),
        order(stop_price="-Infinity", order_type="stop"),
        order(trail=Decimal("NaN"), order_type="trailing_stop"),
    ],
)
def test_numbers_that_cannot_be_compared_are_denied_and_raise_nothing(wrong: OrderIntent) -> None:
    found = check(wrong, view(), LIMITS, NOW)
    assert found is not None
    assert found.rule == "numbers"


@pytest.mark.parametrize(
    ("new", "passes"),
    [
        (order("buy", limit_price="105"), True),
        (order("buy", limit_price="105.01"), False),
        (order("buy", limit_price="1"), True),
        (order("sell", limit_price="1000"), True),
        (order("buy", stop_price="120", limit_price="126", order_type="stop_limit"), True),
        (order("buy", stop_price="120", limit_price="126.01", order_type="stop_limit"), False),
        (order("sell", stop_price="80", order_type="stop"), True),
    ],
)
def test_the_collar_bounds_the_side_that_fills_at_once(new: OrderIntent, *, passes: bool) -> None:
    found = check(new, view(), limits(price_collar_bps=Decimal(500)), NOW)
    assert (found is None) == passes


def test_a_price_from_the_future_and_no_price_at_all_are_stale() -> None:
    for prices in (aged(-31), {}):
        found = check(order(), view(prices=prices), limits(max_price_age_s=30.0), NOW)
        assert found is not None
        assert found.rule == "stale_price"


def test_a_held_symbol_without_a_price_keeps_exposure_from_growing() -> None:
    found = check(order(), view(positions={"C": 1}), limits(), NOW)
    assert found is not None
    assert found.reason == "there is no price of C to value its position at"


def test_without_equity_nothing_may_be_entered() -> None:
    found = check(order(), view(equity=-5), limits(), NOW)
    assert found is not None
    assert found.rule == "gross_exposure"


@pytest.mark.parametrize(
    ("new", "old", "meets"),
    [
        (order(), working("sell", limit_price=100), True),
        (order(), working("sell", limit_price="100.01"), False),
        (order(), working("sell"), True),
        (order(), working("sell", limit_price=100, resting=False), False),
        (order(stop_price="90", order_type="stop"), working("sell", limit_price=100), False),
        (order("sell", limit_price="100"), working("buy", limit_price=100), True),
        (order("sell", limit_price="100"), working("buy", limit_price=100, symbol="B"), False),
        (order("sell", limit_price="100"), working("sell", limit_price=100), False),
    ],
)
def test_orders_of_our_own_meet_when_their_prices_do(new: OrderIntent, old: WorkingOrder, *, meets: bool) -> None:
    found = check(new, view(working=(old,)), limits(forbid_self_cross=True), NOW)
    assert (found is not None) == meets


@pytest.mark.parametrize(
    ("new", "same"),
    [
        (order(quantity="1.0"), True),
        (order(quantity="2"), False),
        (order("sell"), False),
        (order(limit_price="100"), False),
        (order(strategy="other"), False),
        (order(replaces="before"), False),
        (order(client_order_id="before"), False),
    ],
)
def test_the_same_order_is_one_that_asks_for_the_same(new: OrderIntent, *, same: bool) -> None:
    found = check(new, view(recent=seen(0.5)), limits(duplicate_window_s=1.0), NOW)
    assert (found is not None) == same


def test_a_limit_broken_already_denies_only_what_makes_it_worse() -> None:
    tight = limits(max_position_quantity=Decimal(10))
    over = view(positions={"A": 15})
    assert check(order("sell", quantity=20), over, tight, NOW) is None
    assert check(order("buy", quantity="0.01"), over, tight, NOW) is not None
