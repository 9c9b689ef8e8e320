"""Costs, sizing, positions and instruments: arithmetic that must hold for any numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.costs import fee, slipped
from trading.errors import InstrumentError
from trading.instrument import Instrument
from trading.position import cash_after, closes_first, resize
from trading.rules import ALL_IN, ALL_IN_FRACTIONAL, UNITS, Rules
from trading.sizing import affordable_quantity, target_quantity
from trading.timeframe import periods_per_year

prices = st.floats(0.01, 1e6)
money = st.floats(1.0, 1e9)
bps = st.floats(0.0, 100.0)


def test_slippage_is_always_against_the_trader() -> None:
    assert slipped(100.0, 1.0, 10.0) == pytest.approx(100.1)
    assert slipped(100.0, -1.0, 10.0) == pytest.approx(99.9)


def test_fee_is_taken_on_the_value_traded_either_way() -> None:
    assert fee(50.0, 10.0, 20.0) == fee(50.0, -10.0, 20.0) == pytest.approx(1.0)


@given(cash=money, price=prices, fee_bps=bps, sizing=st.sampled_from([ALL_IN, ALL_IN_FRACTIONAL]))
def test_a_purchase_never_costs_more_than_there_is(cash: float, price: float, fee_bps: float, sizing: int) -> None:
    rules = Rules(sizing=sizing, fee_bps=fee_bps)
    quantity = target_quantity(rules, 1.0, 1.0, cash, price)
    left = cash_after(cash, quantity, price, fee(price, quantity, fee_bps))
    assert left >= -1e-9 * cash
    if sizing == ALL_IN:
        assert quantity == int(quantity)
        assert left < price * (1.0 + fee_bps / 1e4) * (1.0 + 1e-9)


@given(equity=money, price=prices, target=st.floats(0.01, 1.0))
def test_long_and_short_targets_mirror_each_other(equity: float, price: float, target: float) -> None:
    rules = Rules(fee_bps=3.0)
    assert target_quantity(rules, 1.0, target, equity, price) == -target_quantity(rules, 1.0, -target, equity, price)


@given(equity=money, price=prices, position=st.integers(-1000, 1000), target=st.floats(-1.0, 1.0), slip=bps)
def test_resizing_moves_towards_the_target_and_not_past_it(
    equity: float, price: float, position: int, target: float, slip: float
) -> None:
    rules = Rules(slippage_bps=slip)
    fills = (price, slipped(price, 1.0, slip), slipped(price, -1.0, slip))
    goals = [target_quantity(rules, 1.0, target, equity, fill) for fill in fills]
    after = position + resize(rules, 1.0, float(position), equity, price, target)
    assert min(position, *goals) - 1e-9 <= after <= max(position, *goals) + 1e-9


def test_units_do_not_depend_on_equity() -> None:
    rules = Rules(sizing=UNITS, units=10.0)
    assert target_quantity(rules, 1.0, -1.0, -5.0, 100.0) == -10.0
    assert target_quantity(rules, 0.1, 0.3, 0.0, 100.0) == pytest.approx(3.0)


def test_no_money_buys_nothing() -> None:
    assert affordable_quantity(Rules(), 1.0, -1.0, 10.0) == 0.0
    assert target_quantity(Rules(), 1.0, 1.0, 0.0, 10.0) == 0.0


@pytest.mark.parametrize(
    ("position", "target", "closes"), [(5, -1, True), (5, 0, True), (5, 0.5, False), (0, 1, False)]
)
def test_only_a_change_of_side_closes_first(position: float, target: float, closes: bool) -> None:  # noqa: FBT001
    assert closes_first(position, target) is closes


@given(st.decimals(min_value="0.0001", max_value="99999", places=4))
def test_a_scaled_price_comes_back_the_same(price: Decimal) -> None:
    instrument = Instrument("X")
    assert instrument.price(instrument.scaled_price(price)) == price


def test_a_price_with_too_many_decimals_is_refused() -> None:
    with pytest.raises(InstrumentError, match=r"price 1\.00001 needs more than 4 decimals"):
        Instrument("X").scaled_price(Decimal("1.00001"))


@pytest.mark.parametrize(
    "traits", [{"tick_size": Decimal(0)}, {"lot": Decimal(-1)}, {"price_scale": 13}, {"tick_size": Decimal("0.00001")}]
)
def test_an_instrument_that_cannot_be_is_refused(traits: dict[str, object]) -> None:
    with pytest.raises(InstrumentError):
        Instrument("X", **traits)  # type: ignore[arg-type]


def test_a_year_has_252_sessions_or_365_days() -> None:
    assert periods_per_year("1d", "XNYS") == 252
    assert periods_per_year("1d", "24/7") == 365
    assert periods_per_year("1h", "24/7") == 365 * 24
    assert periods_per_year("1m", "XNYS") == 252 * 390
