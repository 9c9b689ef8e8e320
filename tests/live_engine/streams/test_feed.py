"""A stream's ticks and bars, and its silence, told in the order in which they matter."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

from live_engine.events import BarClosed, LateTick, StreamConnected, StreamGap, StreamStale, type_of
from live_engine.streams.feed import Feed
from live_engine.streams.simulated import RandomWalk, walk
from live_engine.streams.stream import Tick
from live_engine.streams.watch import TradingHours

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
ONE = Decimal(1)


def tick(second: int, trade_id: int = 0) -> Tick:
    return Tick("A", second * SECOND_NS, ONE, ONE, trade_id)


def test_ticks_become_bars_of_every_timeframe_and_symbol() -> None:
    feed = Feed("s", ["5m", "1m"], max_age_s=5.0, mono_ns=0)
    trades = islice(walk(["A", "B"], RandomWalk(seed=1, start_ns=0, interval_ns=SECOND_NS)), 2 * 601)
    told = [body for trade in trades for body in feed.on_update(trade, trade.ts_ns)]
    assert told[0] == StreamConnected(stream="s")
    bars = [body for body in told if isinstance(body, BarClosed)]
    assert len(bars) == len(told) - 1
    counts = {(s, t): sum((b.symbol, b.timeframe) == (s, t) for b in bars) for s in "AB" for t in ("1m", "5m")}
    assert counts == {("A", "1m"): 10, ("A", "5m"): 2, ("B", "1m"): 10, ("B", "5m"): 2}
    for slow in (bar for bar in bars if bar.timeframe == "5m"):
        inside = [
            bar
            for bar in bars
            if (bar.symbol, bar.timeframe) == (slow.symbol, "1m") and 0 <= bar.ts_ns - slow.ts_ns < 5 * MINUTE_NS
        ]
        assert (slow.open, slow.close) == (inside[0].open, inside[-1].close)
        assert slow.volume == sum(bar.volume for bar in inside)


def test_a_hole_is_told_before_the_bar_behind_it_and_a_late_tick_once() -> None:
    feed = Feed("s", ["1m", "5m"], max_age_s=5.0, mono_ns=0, hours=TradingHours())
    feed.on_update(tick(10, 1), 0)
    assert [type_of(body) for body in feed.on_update(tick(70, 2), 0)] == ["BarClosed"]
    told = feed.on_update(tick(430, 9), 0)
    assert told[0] == StreamGap(stream="s", symbol="A", from_ns=70 * SECOND_NS, to_ns=430 * SECOND_NS)
    assert [type_of(body) for body in told[1:]] == ["BarClosed", "BarClosed"]
    assert feed.on_update(tick(20, 3), 0) == [LateTick(symbol="A", ts_ns=20 * SECOND_NS, price=ONE, size=ONE)]
    told = feed.on_time(480 * SECOND_NS, 0)
    assert told[0] == StreamGap(stream="s", symbol="A", from_ns=2 * MINUTE_NS, to_ns=7 * MINUTE_NS)
    assert isinstance(told[1], BarClosed)


def test_bars_of_the_stream_itself_pass_and_leave_no_hole_untold() -> None:
    def bar(number: int) -> BarClosed:
        ts_ns = number * MINUTE_NS
        return BarClosed(symbol="A", timeframe="1m", ts_ns=ts_ns, open=ONE, high=ONE, low=ONE, close=ONE, volume=ONE)

    feed = Feed("s", ["5m"], max_age_s=5.0, mono_ns=0, hours=TradingHours())
    assert feed.on_update(bar(0), 0) == [StreamConnected(stream="s"), bar(0)]
    gap = StreamGap(stream="s", symbol="A", from_ns=MINUTE_NS, to_ns=3 * MINUTE_NS)
    assert feed.on_update(bar(3), 0) == [gap, bar(3)]


def test_silence_counts_while_the_venue_trades_only() -> None:
    feed = Feed("s", ["1m"], max_age_s=5.0, mono_ns=0, hours=TradingHours(from_s=0, to_s=3_600))
    feed.on_update(tick(3_500), 3_500 * SECOND_NS)
    assert feed.end_session() != []
    assert feed.on_time(3_700 * SECOND_NS, 3_700 * SECOND_NS) == []
    next_day = 86_401 * SECOND_NS
    assert feed.on_time(next_day, next_day) == [StreamStale(stream="s", age_s=82_901.0)]


def test_what_nobody_can_fetch_again_is_not_judged_missing() -> None:
    feed = Feed("s", ["1m"], max_age_s=5.0, mono_ns=0)
    feed.on_update(tick(10, 1), 0)
    assert [type_of(body) for body in feed.on_update(tick(430, 9), 0)] == ["BarClosed"]
    assert [type_of(body) for body in feed.on_time(600 * SECOND_NS, 0)] == ["BarClosed"]
