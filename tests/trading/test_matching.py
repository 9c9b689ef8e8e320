"""What fills when and at what price, by hand: gaps, limits, stops, brackets, trailing stops, times in force."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trading import placing as p
from trading.frictions import Frictions
from trading.ledger import AMBIGUOUS
from trading.order import AT_CLOSE, AT_OPEN, DAY, FOK, IOC, OrderStatus, OrderType
from trading.slippage import Slippage

if TYPE_CHECKING:
    from collections.abc import Callable

_spec = importlib.util.spec_from_file_location("desk", Path(__file__).with_name("desk.py"))
assert _spec is not None
assert _spec.loader is not None
_desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_desk)
Scripted = _desk.Scripted

FLAT = (100.0, 100.0, 100.0, 100.0)


def placed(act: Callable[..., object], frictions: Frictions | None = None) -> _desk.Scripted:  # type: ignore[name-defined]
    desk = Scripted(frictions)
    desk.bar(FLAT, act)
    return desk


@pytest.mark.parametrize(
    ("act", "prices", "expected"),
    [
        (lambda o: p.place_market(o, 1.0, 10), (101.0, 103.0, 99.0, 102.0), (10, 101.0)),
        (lambda o: p.place_market(o, -1.0, 10), (101.0, 103.0, 99.0, 102.0), (-10, 101.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 98.0), (101.0, 103.0, 97.0, 102.0), (10, 98.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 98.0), (95.0, 103.0, 94.0, 102.0), (10, 95.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 98.0), (101.0, 103.0, 98.01, 102.0), None),
        (lambda o: p.place_limit(o, -1.0, 10, 104.0), (101.0, 104.0, 99.0, 102.0), (-10, 104.0)),
        (lambda o: p.place_limit(o, -1.0, 10, 104.0), (106.0, 107.0, 99.0, 102.0), (-10, 106.0)),
        (lambda o: p.place_stop(o, 1.0, 10, 104.0), (101.0, 105.0, 99.0, 102.0), (10, 104.0)),
        (lambda o: p.place_stop(o, 1.0, 10, 104.0), (106.0, 107.0, 99.0, 102.0), (10, 106.0)),
        (lambda o: p.place_stop(o, -1.0, 10, 96.0), (101.0, 102.0, 95.0, 98.0), (-10, 96.0)),
        (lambda o: p.place_stop(o, -1.0, 10, 96.0), (90.0, 102.0, 89.0, 98.0), (-10, 90.0)),
        (lambda o: p.place_stop_limit(o, 1.0, 10, 104.0, 105.0), (101.0, 106.0, 99.0, 102.0), (10, 104.0)),
        (lambda o: p.place_stop_limit(o, 1.0, 10, 104.0, 105.0), (107.0, 108.0, 106.0, 107.0), None),
        (lambda o: p.place_stop_limit(o, 1.0, 10, 104.0, 105.0), (107.0, 108.0, 104.5, 107.0), (10, 105.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 99.0, AT_OPEN), (98.0, 103.0, 97.0, 102.0), (10, 98.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 99.0, AT_OPEN), (100.0, 103.0, 97.0, 102.0), None),
        (lambda o: p.place_market(o, 1.0, 10, AT_CLOSE), (98.0, 103.0, 97.0, 102.0), (10, 102.0)),
        (lambda o: p.place_limit(o, 1.0, 10, 101.0, AT_CLOSE), (98.0, 103.0, 97.0, 102.0), None),
        (lambda o: p.place_limit(o, 1.0, 10, 99.0, IOC), (100.0, 103.0, 97.0, 102.0), None),
        (lambda o: p.place_limit(o, 1.0, 10, 99.0, FOK), (98.0, 103.0, 97.0, 102.0), (10, 98.0)),
    ],
)
def test_one_order_on_one_bar(
    act: Callable[..., object], prices: tuple[float, float, float, float], expected: tuple[float, float] | None
) -> None:
    desk = placed(act)
    desk.bar(prices)
    assert desk.trades() == ([] if expected is None else [expected])


def bracket(entry: Callable[..., int], target: float, stop: float) -> Callable[..., None]:
    def act(orders: list[float]) -> None:
        first = entry(orders)
        p.attach_target(orders, first, target)
        p.attach_stop(orders, first, stop)

    return act


@pytest.mark.parametrize(
    ("prices", "expected", "ambiguous"),
    [
        ((100.0, 106.0, 99.0, 105.5), [(10, 100.0), (-10, 105.0)], 0),
        ((100.0, 104.0, 94.0, 96.0), [(10, 100.0), (-10, 95.0)], 0),
        ((100.0, 106.0, 94.0, 103.0), [(10, 100.0), (-10, 95.0)], 1),
        ((100.0, 104.0, 96.0, 103.0), [(10, 100.0)], 0),
    ],
)
def test_a_bracket_that_could_end_either_way_ends_at_its_stop_and_is_counted(
    prices: tuple[float, float, float, float], expected: list[tuple[float, float]], ambiguous: int
) -> None:
    desk = placed(bracket(lambda o: p.place_market(o, 1.0, 10), 105.0, 95.0))
    desk.bar(prices)
    assert desk.trades() == expected
    assert desk.account.desk.ledger[AMBIGUOUS] == ambiguous
    assert bool(desk.account.orders()) == (len(expected) == 1)


def test_a_stop_entry_whose_own_stop_lies_in_the_same_bar_is_stopped_out() -> None:
    desk = placed(bracket(lambda o: p.place_stop(o, 1.0, 10, 102.0), 110.0, 98.0))
    desk.bar((100.0, 103.0, 97.0, 101.0))
    assert desk.trades() == [(10, 102.0), (-10, 98.0)]
    assert desk.account.desk.ledger[AMBIGUOUS] == 1


def test_a_limit_entry_does_not_take_its_profit_from_a_high_that_may_have_come_before() -> None:
    desk = placed(bracket(lambda o: p.place_limit(o, 1.0, 10, 98.0), 103.0, 90.0))
    desk.bar((100.0, 104.0, 97.0, 99.0))
    assert desk.trades() == [(10, 98.0)]
    assert desk.account.desk.ledger[AMBIGUOUS] == 1


def test_a_limit_entry_takes_its_profit_when_the_close_lies_beyond_it() -> None:
    desk = placed(bracket(lambda o: p.place_limit(o, 1.0, 10, 98.0), 103.0, 90.0))
    desk.bar((100.0, 104.0, 97.0, 103.5))
    assert desk.trades() == [(10, 98.0), (-10, 103.0)]


def test_a_trailing_stop_follows_highs_and_never_comes_back() -> None:
    desk = placed(lambda o: p.attach_trailing(o, p.place_market(o, 1.0, 10), 5.0))
    desk.bar((100.0, 103.0, 99.0, 102.0))
    assert desk.trades() == [(10, 100.0)]
    desk.bar((102.0, 110.0, 106.0, 108.0))
    assert desk.trades() == []
    desk.bar((107.0, 108.0, 104.0, 106.0))
    assert desk.trades() == [(-10, 105.0)]


def test_a_trailing_stop_of_a_fraction_gaps_to_the_open() -> None:
    desk = placed(lambda o: p.attach_trailing(o, p.place_market(o, -1.0, 10), 0.1, 1.0))
    desk.bar((100.0, 100.0, 92.0, 93.0))
    assert desk.trades() == [(-10, 100.0)]
    desk.bar((103.0, 104.0, 102.0, 103.0))
    assert desk.trades() == [(10, 103.0)]  # beyond 92 x 1.1


def test_one_entry_cancels_the_other() -> None:
    desk = placed(lambda o: p.join(o, p.place_stop(o, 1.0, 10, 103.0), p.place_stop(o, -1.0, 10, 97.0)))
    desk.bar((100.0, 104.0, 99.0, 103.5))
    assert desk.trades() == [(10, 103.0)]
    assert desk.reasons() == ["another order of its group filled"]
    assert desk.account.orders() == []


def test_a_day_order_ends_with_its_session_and_another_stays() -> None:
    def act(orders: list[float]) -> None:
        p.place_limit(orders, 1.0, 10, 90.0, DAY)
        p.place_limit(orders, 1.0, 10, 91.0)

    desk = placed(act)
    desk.bar(FLAT)
    assert desk.reasons() == ["the session ended"]
    (left,) = desk.account.orders()
    assert (left.type, left.state, left.limit) == (OrderType.LIMIT, OrderStatus.NEW, 91.0)


def test_reduce_only_never_turns_a_position_round() -> None:
    desk = placed(lambda o: p.place_market(o, 1.0, 10))
    desk.bar(FLAT, lambda o: p.place_limit(o, -1.0, 25, 101.0, reduce_only=1.0))
    desk.bar((100.0, 102.0, 99.0, 101.0), lambda o: p.place_market(o, -1.0, 5, reduce_only=1.0))
    assert desk.trades() == [(-10, 101.0)]
    assert desk.account.position == 0.0
    assert desk.account.orders() == []
    assert "reduce-only, but there is nothing to reduce" in desk.reasons()


def test_latency_delays_orders_and_cancellations() -> None:
    desk = Scripted(Frictions(latency_bars=1))
    desk.bar(FLAT, lambda o: p.place_market(o, 1.0, 10))
    desk.bar((101.0, 101.0, 101.0, 101.0))
    assert desk.trades() == []
    desk.bar((102.0, 102.0, 102.0, 102.0), lambda o: p.place_limit(o, -1.0, 10, 105.0))
    assert desk.trades() == [(10, 102.0)]
    desk.bar((102.0, 102.0, 102.0, 102.0), p.cancel_all)
    desk.bar((102.0, 106.0, 102.0, 105.0))
    assert desk.trades() == [(-10, 105.0)]  # the cancellation was still on its way


def test_what_the_volume_does_not_fill_waits_or_ends() -> None:
    thin = Frictions(slippage=Slippage(volume_limit=0.1))
    desk = placed(lambda o: p.place_market(o, 1.0, 25), thin)
    for expected in (10, 10, 5):
        desk.bar(FLAT, volume=100.0)
        assert desk.trades() == [(expected, 100.0)]
    assert desk.account.orders() == []
    for tif, filled in ((IOC, [(10, 100.0)]), (FOK, [])):
        desk = Scripted(thin)
        desk.bar(FLAT, lambda o, tif=tif: p.place_market(o, 1.0, 25, tif))
        desk.bar(FLAT, volume=100.0)
        assert desk.trades() == filled
        assert desk.reasons() == ["not enough volume at once"]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda o: p.place_market(o, 1.0, 0.0), "quantity is not a number above zero"),
        (lambda o: p.place_market(o, 1.0, -5.0), "quantity is not a number above zero"),
        (lambda o: p.place_market(o, 1.0, float("nan")), "quantity is not a number above zero"),
        (lambda o: p.place_market(o, 1.0, 1e300), "quantity is not a number above zero"),
        (lambda o: p.place_market(o, 1.0, 1.5), "multiple of the lot"),
        (lambda o: p.place_limit(o, 1.0, 1.0, -1.0), "a price is missing"),
        (lambda o: p.place_limit(o, 1.0, 1.0, float("inf")), "a price is missing"),
        (lambda o: p.place_limit(o, 1.0, 1.0, 99.995), "multiple of the tick"),
        (lambda o: p.place_stop(o, 0.5, 1.0, 99.0), "no such order type"),
        (lambda o: p.place_stop(o, 1.0, 1.0, 99.0, IOC), "no such order type"),
        (lambda o: p.place_trailing(o, -1.0, 1.0, 2.0), "nothing to reduce"),
        (lambda o: [p.place_limit(o, 1.0, 1.0, 50.0) for _ in range(17)], "the book of working orders is full"),
    ],
)
def test_a_bad_order_is_rejected_with_its_reason_and_the_run_goes_on(act: Callable[..., object], reason: str) -> None:
    desk = Scripted(Frictions(tick=0.01))
    desk.bar(FLAT, act)
    assert [event.kind for event in desk.events].count("rejected") == 1
    assert reason in desk.reasons()[0]
    desk.bar(FLAT, lambda o: p.place_market(o, 1.0, 2.0))
    desk.bar(FLAT)
    assert (2.0, 100.0) in desk.trades() or desk.account.orders()
