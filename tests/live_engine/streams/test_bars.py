"""Bars out of ticks are what grouping them by time would give, in whatever order ticks come within the lateness."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from live_engine.events import BarClosed, LateTick
from live_engine.streams.bars import BarBuilder
from live_engine.streams.stream import Tick

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
LATENESS_NS = 90 * SECOND_NS

ticks = st.lists(
    st.tuples(st.integers(0, 600 * SECOND_NS), st.integers(1, 500), st.integers(0, 9), st.integers(0, LATENESS_NS)),
    max_size=60,
)


def tick(second: float, price: float = 1.0, size: int = 1, trade_id: int = 0) -> Tick:
    return Tick("A", int(second * SECOND_NS), Decimal(str(price)), Decimal(size), trade_id)


def bar(minute: int, open_: float, high: float, low: float, close: float, volume: int) -> BarClosed:
    prices = [Decimal(str(price)) for price in (open_, high, low, close)]
    return BarClosed(
        symbol="A",
        timeframe="1m",
        ts_ns=minute * MINUTE_NS,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=Decimal(volume),
    )


def grouped(trades: list[Tick]) -> list[BarClosed]:
    """The same bars, the plain way."""
    found = []
    ordered = sorted(trades, key=lambda one: (one.ts_ns, one.trade_id))
    for minute, group in groupby(ordered, key=lambda one: one.ts_ns // MINUTE_NS):
        members = list(group)
        prices = [float(one.price) for one in members]
        volume = sum(int(one.size) for one in members)
        found.append(bar(minute, prices[0], max(prices), min(prices), prices[-1], volume))
    return found


@given(rows=ticks)
def test_any_order_within_the_lateness_gives_the_bars_of_grouping(rows: list[tuple[int, int, int, int]]) -> None:
    made = [
        (Tick("A", ts, Decimal(price), Decimal(size), n + 1), delay) for n, (ts, price, size, delay) in enumerate(rows)
    ]
    arrival = [one for one, _ in sorted(made, key=lambda pair: pair[0].ts_ns + pair[1])]
    builder = BarBuilder("A", "1m", LATENESS_NS)
    told = [body for one in arrival for body in builder.on_tick(one)] + builder.end_session()
    assert told == grouped([one for one, _ in made])


@given(rows=ticks, flushes=st.lists(st.integers(0, 800 * SECOND_NS), max_size=5))
def test_no_tick_is_lost_and_none_changes_a_closed_bar(
    rows: list[tuple[int, int, int, int]], flushes: list[int]
) -> None:
    builder = BarBuilder("A", "1m")
    closed: list[BarClosed] = []
    late, shown = [], []
    steps: list[Tick | int] = [Tick("A", ts, Decimal(price), Decimal(size)) for ts, price, size, _ in rows]
    for at, flush in enumerate(flushes):
        steps.insert(3 * at, flush)
    for step in steps:
        told = [*builder.flush(step)] if isinstance(step, int) else builder.on_tick(step)
        closed += [body for body in told if isinstance(body, BarClosed)]
        late += [body for body in told if isinstance(body, LateTick)]
        shown.append(len(closed))
    closed += builder.end_session()
    starts = [one.ts_ns for one in closed]
    assert starts == sorted(set(starts))
    sizes = sum((one.size for one in steps if isinstance(one, Tick)), Decimal(0))
    assert sum((one.volume for one in closed), Decimal(0)) + sum((one.size for one in late), Decimal(0)) == sizes


def test_a_tick_of_the_next_timeframe_closes_a_bar_and_its_very_end_belongs_to_the_next() -> None:
    builder = BarBuilder("A", "1m")
    assert builder.on_tick(tick(60, 5, 2)) == []
    assert builder.on_tick(tick(119.999, 7, 3)) == []
    assert builder.on_tick(tick(120, 6)) == [bar(1, 5, 7, 5, 7, 5)]


def test_out_of_order_ticks_of_the_open_bar_move_open_and_close_by_the_venues_time() -> None:
    builder = BarBuilder("A", "1m")
    for one in (tick(30, 3), tick(10, 1), tick(20, 9), tick(30, 4, trade_id=2), tick(30, 2, trade_id=1)):
        assert builder.on_tick(one) == []
    assert builder.end_session() == [bar(0, 1, 9, 1, 4, 5)]


def test_a_late_tick_is_told_and_the_bar_stays() -> None:
    builder = BarBuilder("A", "1m")
    builder.on_tick(tick(10, 1))
    assert builder.on_tick(tick(70, 2)) == [bar(0, 1, 1, 1, 1, 1)]
    late = tick(59, 100, 9)
    assert builder.on_tick(late) == [LateTick(symbol="A", ts_ns=late.ts_ns, price=late.price, size=late.size)]
    assert builder.flush(120 * SECOND_NS) == [bar(1, 2, 2, 2, 2, 1)]


def test_time_alone_closes_a_bar_once_its_lateness_is_over_and_makes_none_up() -> None:
    builder = BarBuilder("A", "1m", lateness_ns=2 * SECOND_NS)
    builder.on_tick(tick(10, 1))
    assert builder.flush(62 * SECOND_NS - 1) == []
    assert builder.flush(62 * SECOND_NS) == [bar(0, 1, 1, 1, 1, 1)]
    assert builder.flush(600 * SECOND_NS) == []
    assert isinstance(builder.on_tick(tick(300))[0], LateTick)  # of a minute that was closed without a trade


def test_the_end_of_a_session_closes_the_bar_before_its_time() -> None:
    builder = BarBuilder("A", "1d")
    builder.on_tick(tick(10, 1))
    (day,) = builder.end_session()
    assert (day.timeframe, day.ts_ns) == ("1d", 0)
    assert isinstance(builder.on_tick(tick(86_399))[0], LateTick)
    assert builder.end_session() == []
