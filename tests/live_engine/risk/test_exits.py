"""What lets exits pass, as the table in check.py says it, and what counts as an exit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.events import OrderSubmitted
from live_engine.risk import check as module
from live_engine.risk.check import RULES, check
from live_engine.risk.duplicates import RecentOrders, fold_recent
from live_engine.risk.rate import OrderCounts, fold_counts
from live_engine.risk.reach import Reach, is_exit, reach, reach_with
from tests.live_engine.risk.facts import LIMITS, NOW, event, limits, order, view, working

if TYPE_CHECKING:
    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import WorkingOrder

TABLE = dict(re.findall(r"^(\w+) +(pass|denied)\b", module.__doc__ or "", re.MULTILINE))
BUSY = fold_counts(OrderCounts(), event(OrderSubmitted(client_order_id="x", venue="paper")))
SOLD_BEFORE = fold_recent(RecentOrders(), event(order("sell", 10, client_order_id="before")))

# Facts under which an entry is denied by the rule, and the exit of the 10 units held that is tried.
TRIED: dict[str, tuple[dict[str, Any], RiskLimits, OrderIntent]] = {
    "numbers": ({}, limits(), order("sell", "NaN", reduce_only=True)),
    "kill_switch": ({"kill": "flatten"}, limits(), order("sell", 10)),
    "symbol": ({}, limits(symbols=("B",)), order("sell", 10)),
    "hours": ({}, limits(hours="12:00-13:00"), order("sell", 10)),
    "clock_offset": ({"clock_offset_ms": 1e6}, limits(), order("sell", 10)),
    "stale_price": ({"prices": {}}, limits(), order("sell", 10)),
    "order_quantity": ({}, limits(max_order_quantity=Decimal(1)), order("sell", 10)),
    "order_notional": ({}, limits(max_order_notional=Decimal(1)), order("sell", 10)),
    "price_collar": ({}, limits(price_collar_bps=Decimal(1)), order("sell", 10, limit_price="90")),
    "self_cross": (
        {"working": (working("buy", limit_price=99),)},
        limits(forbid_self_cross=True),
        order("sell", 10, limit_price="99"),
    ),
    "duplicate": ({"recent": SOLD_BEFORE}, limits(duplicate_window_s=1.0), order("sell", 10)),
    "position_quantity": ({}, limits(max_position_quantity=Decimal(1)), order("sell", 10)),
    "position_notional": ({}, limits(max_position_notional=Decimal(1)), order("sell", 10)),
    "gross_exposure": ({"equity": 1}, limits(max_gross_exposure=Decimal(1)), order("sell", 10)),
    "daily_loss": ({"equity": 1}, limits(max_daily_loss=Decimal(1)), order("sell", 10)),
    "drawdown": ({"equity": 1}, limits(max_drawdown_pct=Decimal(1)), order("sell", 10)),
    "orders_per_second": ({"counts": BUSY}, limits(max_orders_per_second=1), order("sell", 10)),
    "orders_per_minute": ({"counts": BUSY}, limits(max_orders_per_minute=1), order("sell", 10)),
    "orders_per_day": ({"counts": BUSY}, limits(max_orders_per_day=1), order("sell", 10)),
}


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_exits_pass_where_the_table_says_so_and_only_there(name: str) -> None:
    facts, limit, exit_order = TRIED[name]
    found = check(exit_order, view(positions={"A": 10}, **facts), limit, NOW)
    assert (found is None) == (TABLE[name] == "pass")
    assert found is None or found.rule == name


def test_everything_at_once_does_not_keep_anybody_from_getting_out() -> None:
    worst = view(
        positions={"A": 50_000}, kill="halt", equity=1, prices={}, clock_offset_ms=1e9, counts=BUSY, recent=SOLD_BEFORE
    )
    assert check(order("sell", 50_000), worst, LIMITS, NOW) is None


def test_an_exit_at_market_passes_our_own_order_on_the_other_side() -> None:
    crossed = view(positions={"A": 10}, working=(working("buy", limit_price=100),))
    assert check(order("sell", 10), crossed, limits(forbid_self_cross=True), NOW) is None


def test_to_flatten_is_not_taken_for_a_repetition() -> None:
    facts = view(positions={"A": 10}, recent=SOLD_BEFORE, kill="flatten")
    asked = order("sell", 10, reduce_only=True)
    repeated = fold_recent(RecentOrders(), event(order("sell", 10, client_order_id="before", reduce_only=True)))
    assert check(asked, facts, limits(duplicate_window_s=1.0), NOW) is None
    not_on = view(positions={"A": 10}, recent=repeated)
    assert check(asked, not_on, limits(duplicate_window_s=1.0), NOW) is not None


@pytest.mark.parametrize(
    ("held", "others", "new", "exits"),
    [
        (10, (), order("sell", 10), True),
        (10, (), order("sell", "10.01"), False),
        (-10, (), order("buy", 10), True),
        (10, (), order("buy", 1), False),
        (0, (), order("sell", 1), False),
        (10, (working("sell", 4),), order("sell", 6), True),
        (10, (working("sell", 4),), order("sell", 7), False),
        (10, (working("sell", 4, symbol="B"),), order("sell", 10), True),
        (10, (working("sell", 10, reduce_only=True),), order("sell", 1), False),
        (10, (working("sell", 10, reduce_only=True),), order("sell", 10, reduce_only=True), True),
        (10, (working("sell", 4),), order("sell", 10, replaces="old"), True),
        (10, (working("sell", 4, filled=Decimal(2)),), order("sell", 12, replaces="old"), True),
        (10, (working("sell", 4, filled=Decimal(2)),), order("sell", 13, replaces="old"), False),
        (0, (), order("sell", 10, reduce_only=True), True),
    ],
)
def test_an_exit_cannot_cross_zero_at_worst(
    held: int, others: tuple[WorkingOrder, ...], new: OrderIntent, *, exits: bool
) -> None:
    assert is_exit(view(positions={"A": held}, working=others), new) == exits


def test_an_order_that_reduces_more_than_is_held_is_bounded_in_size() -> None:
    found = check(order("sell", 10**6, reduce_only=True), view(positions={"A": 10}), LIMITS, NOW)
    assert found is not None
    assert found.rule == "order_quantity"


def test_both_exits_of_a_bracket_count_as_one_at_worst() -> None:
    bracket = (
        working("sell", 10, client_order_id="stop", reduce_only=True, resting=False),
        working("sell", 10, client_order_id="target", reduce_only=True, limit_price=110),
    )
    assert reach(view(positions={"A": 10}, working=bracket), "A") == Reach(Decimal(0), Decimal(10))


def test_an_exit_is_denied_where_an_order_that_turns_the_position_counts_on_it() -> None:
    turning = view(positions={"A": 10}, working=(working("sell", 20),))
    asked = order("sell", 10, reduce_only=True)
    assert reach_with(turning, asked).low == -20
    found = check(asked, turning, limits(max_position_quantity=Decimal(10)), NOW)
    assert found is not None
    assert found.rule == "position_quantity"
