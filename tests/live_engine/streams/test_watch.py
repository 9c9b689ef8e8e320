"""Silence and holes in a stream are told, once each; nights and weekends are neither."""

from __future__ import annotations

from decimal import Decimal

from live_engine.events import BarClosed, StreamConnected, StreamGap, StreamStale
from live_engine.streams.stream import Tick
from live_engine.streams.watch import AgeWatch, BarGaps, TickGaps, TradingHours

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
ONE = Decimal(1)


def bar(ts_ns: int, timeframe: str = "1d", symbol: str = "A") -> BarClosed:
    return BarClosed(
        symbol=symbol, timeframe=timeframe, ts_ns=ts_ns, open=ONE, high=ONE, low=ONE, close=ONE, volume=ONE
    )


def test_a_silent_stream_is_stale_once_and_connected_again_when_it_speaks() -> None:
    watch = AgeWatch("s", 5.0, now_ns=0)
    assert watch.heard(SECOND_NS) == [StreamConnected(stream="s")]
    assert watch.heard(2 * SECOND_NS) == []
    assert watch.check(7 * SECOND_NS) == []
    assert watch.check(8 * SECOND_NS) == [StreamStale(stream="s", age_s=6.0)]
    assert watch.check(9 * SECOND_NS) == []
    assert watch.heard(10 * SECOND_NS) == [StreamConnected(stream="s")]
    assert watch.check(16 * SECOND_NS) == [StreamStale(stream="s", age_s=6.0)]


def test_whether_it_is_stale_can_be_asked_at_any_time() -> None:
    watch, told = AgeWatch("s", 5.0, now_ns=0), []
    for second, speaks in enumerate([True, False, False, False, False, False, False, True]):
        if speaks:
            watch.heard(second * SECOND_NS)
        watch.check(second * SECOND_NS)
        told.append(watch.is_stale)
    assert told == [False, False, False, False, False, False, True, False]


def test_a_stream_that_never_spoke_is_stale_too() -> None:
    watch = AgeWatch("s", 5.0, now_ns=100 * SECOND_NS)
    assert watch.check(105 * SECOND_NS) == []
    assert watch.check(106 * SECOND_NS) == [StreamStale(stream="s", age_s=6.0)]
    assert watch.age_s(0) == 0.0


def test_missing_bars_are_asked_for_from_the_first_to_the_end_of_the_last() -> None:
    gaps = BarGaps("s", TradingHours())
    assert gaps.on_bar(bar(0)) == []
    assert gaps.on_bar(bar(DAY_NS)) == []
    assert gaps.on_bar(bar(0, symbol="B")) == []
    assert gaps.on_bar(bar(4 * DAY_NS)) == [StreamGap(stream="s", symbol="A", from_ns=2 * DAY_NS, to_ns=4 * DAY_NS)]
    assert gaps.on_bar(bar(3 * DAY_NS)) == []  # what was fetched again
    assert gaps.on_bar(bar(5 * DAY_NS)) == []


def test_bars_that_no_venue_made_are_not_missing() -> None:
    # 1 January 1970 was a Thursday; a session from 14:30 to 21:00.
    hours = TradingHours(weekdays=(0, 1, 2, 3, 4), from_s=52_200, to_s=75_600)
    gaps = BarGaps("s", hours)
    friday, monday = DAY_NS, 4 * DAY_NS
    half_past_eight, open_ = 73_800 * SECOND_NS, 52_200 * SECOND_NS
    gaps.on_bar(bar(friday + half_past_eight, "30m"))
    assert gaps.on_bar(bar(monday + open_, "30m")) == []
    step = 1_800 * SECOND_NS
    found = gaps.on_bar(bar(monday + open_ + 3 * step, "30m"))
    assert found == [StreamGap(stream="s", symbol="A", from_ns=monday + open_ + step, to_ns=monday + open_ + 3 * step)]
    daily = BarGaps("s", TradingHours(weekdays=(0, 1, 2, 3, 4)))
    daily.on_bar(bar(friday))
    assert daily.on_bar(bar(monday)) == []


def test_a_leap_of_trade_ids_is_a_gap_but_late_and_repeated_ones_are_not() -> None:
    gaps = TickGaps("s")

    def told(trade_id: int, symbol: str = "A") -> list[StreamGap]:
        return gaps.on_tick(Tick(symbol, trade_id * SECOND_NS, ONE, ONE, trade_id))

    assert [told(7), told(8), told(8), told(1, "B"), told(0)] == [[], [], [], [], []]
    assert told(11) == [StreamGap(stream="s", symbol="A", from_ns=8 * SECOND_NS, to_ns=11 * SECOND_NS)]
    assert [told(9), told(10), told(12)] == [[], [], []]
