"""The report of a day: every figure equals the one worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.events import (
    AccountMarked,
    BarClosed,
    CancelRejected,
    EngineStarted,
    EngineStopped,
    KillSwitchRearmed,
    KillSwitchSet,
    LateTick,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    OrderUnknown,
    StrategyStopped,
    StreamGap,
    StreamStale,
)
from live_engine.journal.export import export
from live_engine.journal.reader import JournalReader
from live_engine.journal.retention import remove
from pi5_pipelines.errors import JournalReadError
from pi5_pipelines.trading_day.distribution import Distribution, distribution
from pi5_pipelines.trading_day.journal_days import DAY_NS, DayEvents, begin_ns
from pi5_pipelines.trading_day.trading_report import Latency, Noted, Refusals, TradingReport, trading_report
from pi5_pipelines.trading_day.uptime import EngineRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.settings import Settings
    from tests.trading_day.conftest import Diary

DAY = date(2026, 3, 2)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
HOUR_NS = 3_600_000_000_000


def bar(close: str, symbol: str = "X") -> BarClosed:
    price = Decimal(close)
    return BarClosed(
        symbol=symbol, timeframe="1h", ts_ns=0, open=price, high=price, low=price, close=price, volume=Decimal(1)
    )


def intent(name: str, side: str, quantity: str, decided: str | None) -> OrderIntent:
    return OrderIntent(
        client_order_id=name,
        symbol="Y" if name.startswith("h") else "X",
        side=side,  # type: ignore[arg-type]
        order_type="market",
        quantity=Decimal(quantity),
        strategy="" if name.startswith("h") else "sma_cross",
        decision_price=None if decided is None else Decimal(decided),
    )


def fill(name: str, number: str, quantity: str, price: str, fee: str = "0", *, late: bool = False) -> OrderFilled:
    return OrderFilled(
        client_order_id=name,
        fill_id=number,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        late=late,
    )


def mark(equity: str) -> AccountMarked:
    return AccountMarked(cash=Decimal(0), equity=Decimal(equity), day="")


def a_session(diary: Diary) -> None:
    """A day with a bit of everything, the evening before it and the morning after."""
    diary.write(BEFORE, 23, EngineStarted(program="p", restored_seq=0), bar("100"))
    diary.write(BEFORE, 23, intent("s-1", "buy", "10", "100"), OrderAccepted(client_order_id="s-1"))
    diary.write(BEFORE, 23, fill("s-1", "1", "10", "100", "1"), mark("9999"))
    diary.write(DAY, 6, bar("104"), intent("s-2", "sell", "4", "104"), mono_ms=1_000)
    diary.write(DAY, 6, OrderSubmitted(client_order_id="s-2", venue="v"), mono_ms=1_001)
    diary.write(DAY, 6, OrderAccepted(client_order_id="s-2"), mono_ms=1_002)
    diary.write(DAY, 6, fill("s-2", "1", "4", "103", "0.5"), mono_ms=1_010)
    diary.write(DAY, 6, fill("s-2", "1", "4", "103", "0.5"), mono_ms=1_011)  # told twice
    diary.write(DAY, 7, bar("102"))
    diary.write(DAY, 8, intent("h-1", "buy", "3", None), mono_ms=2_000)
    diary.write(DAY, 8, OrderAccepted(client_order_id="h-1"), mono_ms=2_005)
    diary.write(DAY, 8, fill("h-1", "1", "2", "50"), mono_ms=2_006)
    diary.write(DAY, 8, fill("h-1", "2", "1", "51", late=True), mono_ms=2_500)
    for name in ("h-2", "h-3"):
        denied = OrderDenied(client_order_id=name, rule="max_order_quantity", reason=f"{name} is too large")
        diary.write(DAY, 9, intent(name, "buy", "1000", None), denied)
    for name, reason in (("s-3", "no margin"), ("s-4", "")):
        diary.write(DAY, 9, intent(name, "buy", "1", "102"), OrderRejected(client_order_id=name, reason=reason))
    diary.write(DAY, 9, intent("s-5", "buy", "1", "102"), OrderUnknown(client_order_id="s-5", reason="timeout"))
    diary.write(DAY, 9, intent("s-6", "buy", "1", "102"), OrderUnknown(client_order_id="s-6", reason="timeout"))
    diary.write(DAY, 9, OrderCanceled(client_order_id="s-6"), CancelRejected(client_order_id="s-2", reason="too late"))
    diary.write(DAY, 10, StreamGap(stream="t", symbol="X", from_ns=0, to_ns=90_000_000_000))
    diary.write(DAY, 10, StreamStale(stream="t", age_s=61.0), StreamStale(stream="t", age_s=75.0))
    diary.write(DAY, 10, LateTick(symbol="X", ts_ns=0, price=Decimal(1), size=Decimal(1)))
    diary.write(DAY, 11, KillSwitchSet(action="flatten", actor="ann", reason="a test"))
    diary.write(DAY, 11, KillSwitchSet(action="halt", actor="bob", reason="weaker"))
    diary.write(DAY, 12, mark("10024.5"), intent("s-7", "buy", "1", "102"), mono_ms=9_000)
    diary.write(DAY, 13, EngineStarted(program="p", restored_seq=1), mono_ms=5)  # it was killed, and the machine booted
    diary.write(DAY, 13, OrderAccepted(client_order_id="s-7"), mono_ms=9)
    diary.write(DAY, 13, StrategyStopped(strategy="sma_cross", symbol="X", error="ValueError: x"))
    diary.write(DAY, 13, fill("s-99", "1", "1", "1"))
    diary.write(DAY, 18, EngineStopped(reason="told to stop"))
    diary.write(AFTER, 1, EngineStarted(program="p", restored_seq=2), KillSwitchRearmed(actor="risk"))
    diary.write(AFTER, 2, KillSwitchRearmed(actor="ann"), bar("105"))


@pytest.fixture
def report(home: Settings, diary: Diary) -> Callable[[date], TradingReport]:
    a_session(diary)
    return lambda day: trading_report(DayEvents(home, day), day, now_ns=begin_ns(AFTER) + DAY_NS // 4)


def test_money_is_what_prices_fills_and_fees_make_of_it(report: Callable[[date], TradingReport]) -> None:
    found = report(DAY)
    hand, strategy = found.books
    # 10 X gain 4, 4 of them are sold a dollar lower, the other 6 lose 2, and half a dollar goes for the fee.
    assert (strategy.strategy, strategy.symbol, strategy.position) == ("sma_cross", "X", Decimal(6))
    assert (strategy.pnl, strategy.realised, strategy.fees) == (Decimal("23.5"), Decimal(12), Decimal("0.5"))
    assert (strategy.bought, strategy.sold, strategy.fills) == (Decimal(0), Decimal(412), 1)
    # 2 Y at 50, another at 51, which is their price from then on.
    assert (hand.strategy, hand.symbol, hand.position, hand.price) == ("", "Y", Decimal(3), Decimal(51))
    assert (hand.pnl, hand.realised, hand.bought, hand.fills) == (Decimal(2), Decimal(0), Decimal(151), 2)
    (total,) = found.totals
    assert (total.currency, total.pnl, total.realised, total.fees) == (
        "USD",
        Decimal("25.5"),
        Decimal(12),
        Decimal("0.5"),
    )
    assert (found.equity_start, found.equity_end, found.change) == (Decimal(9_999), Decimal("10024.5"), total.pnl)


def test_slippage_is_against_the_price_at_decision(report: Callable[[date], TradingReport]) -> None:
    found = report(DAY)
    sold, *by_hand = found.fills
    assert (sold.client_order_id, sold.decision_price, sold.slippage) == ("s-2", Decimal(104), Decimal(4))
    assert sold.slippage_bps == pytest.approx(10_000 / 104)
    assert [one.slippage for one in by_hand] == [None, None]
    assert [one.late for one in found.fills] == [False, False, True]
    assert found.slippage_bps.count == 1
    assert found.books[1].slippage_bps == pytest.approx(10_000 / 104)
    assert found.totals[0].slippage == 4


def test_waits_are_those_of_one_boot_and_the_first_fill(report: Callable[[date], TradingReport]) -> None:
    assert report(DAY).latency == Latency(
        intent_to_accepted=distribution([2.0, 5.0]),
        accepted_to_filled=distribution([8.0, 1.0]),
        intent_to_filled=distribution([10.0, 6.0]),
    )


def test_refusals_are_counted_by_reason_and_rule_and_the_rest_is_named(report: Callable[[date], TradingReport]) -> None:
    found = report(DAY)
    assert found.orders == 9
    assert found.rejects == [
        Refusals(what="order", reason="no margin", count=1),
        Refusals(what="order", reason="", count=1),
        Refusals(what="cancel", reason="too late", count=1),
    ]
    assert found.denials == [Refusals(what="max_order_quantity", reason="h-3 is too large", count=2)]
    assert found.unexplained == [
        "s-4 was rejected without a reason",
        "a fill of s-99, an order that nobody wanted",
        "s-5: nobody knows what became of it (timeout)",
    ]


def test_streams_strategies_and_the_kill_switch_are_told(report: Callable[[date], TradingReport]) -> None:
    found, day_ns = report(DAY), begin_ns(DAY)
    assert found.gaps == [Noted(wall_ns=day_ns + 10 * HOUR_NS, what="90 s of X", who="t", reason="")]
    assert (found.stale.count, found.stale.most, found.late_ticks) == (2, 75.0, 1)
    assert [(one.what, one.who) for one in found.kill_switch] == [("flatten", "ann"), ("halt", "bob")]
    assert (found.kill_switch_start, found.kill_switch_end) == ("", "flatten")
    assert [(one.who, one.reason) for one in found.stopped] == [("sma_cross on X", "ValueError: x")]
    after = report(AFTER)
    assert (after.kill_switch_start, after.kill_switch_end) == ("flatten", "")


def test_uptime_ends_with_the_last_word_of_a_killed_engine(report: Callable[[date], TradingReport]) -> None:
    found, day_ns = report(DAY).uptime, begin_ns(DAY)
    assert found.runs == [
        EngineRun(from_ns=day_ns, to_ns=day_ns + 12 * HOUR_NS, ending="killed"),
        EngineRun(from_ns=day_ns + 13 * HOUR_NS, to_ns=day_ns + 18 * HOUR_NS, ending="stopped", reason="told to stop"),
    ]
    assert (found.starts, found.stops, found.kills) == (1, 1, 1)
    assert (found.up_s, found.share) == (17 * 3_600.0, 17 / 24)
    after = report(AFTER)
    assert [one.ending for one in after.uptime.runs] == ["no word since"]
    assert (after.uptime.share, after.is_over, report(DAY).is_over) == (1 / 6, False, True)


def test_days_add_up(report: Callable[[date], TradingReport]) -> None:
    days = [report(day).totals[0].pnl for day in (BEFORE, DAY, AFTER)]
    # 10 X at 100 and 3 Y; 6 X are left and worth 105.
    assert days == [Decimal(-1), Decimal("25.5"), Decimal(18)]
    assert sum(days) == -1000 - 1 + 412 - Decimal("0.5") + 6 * 105 - 151 + 3 * 51


def test_a_quiet_day_of_a_running_engine_is_up_and_earns_nothing(home: Settings, diary: Diary) -> None:
    diary.write(BEFORE, 1, EngineStarted(program="p", restored_seq=0), mark("5"))
    diary.write(AFTER, 1, mark("6"))
    found = trading_report(DayEvents(home, DAY), DAY, now_ns=begin_ns(AFTER) + DAY_NS)
    assert [one.ending for one in found.uptime.runs] == ["goes on"]
    assert (found.events, found.uptime.share, found.change, found.fills) == (0, 1.0, Decimal(0), [])


def test_a_day_without_an_engine_is_empty(home: Settings) -> None:
    found = trading_report(DayEvents(home, DAY), DAY, now_ns=begin_ns(AFTER))
    assert (found.events, found.uptime.share, found.equity_start, found.books, found.totals) == (0, 0.0, None, [], [])


def test_what_retention_took_is_read_from_the_exported_days(
    home: Settings, diary: Diary, report: Callable[[date], TradingReport]
) -> None:
    before = [report(day) for day in (BEFORE, DAY, AFTER)]
    path, now_ns = diary.journal.path, begin_ns(AFTER) + DAY_NS
    export(path, home.folder("exports") / "journal", now_ns=now_ns)
    diary.journal.run(
        lambda connection: connection.execute("INSERT INTO snapshots VALUES (?, x'00')", (diary.journal.last_seq,))
    ).result()
    assert remove(diary.journal, keep_days=1, now_ns=now_ns) > 20
    with JournalReader(path) as reader:
        assert reader.first_seq() > 20
    assert [report_again(home, day) for day in (BEFORE, DAY, AFTER)] == before


def report_again(home: Settings, day: date) -> TradingReport:
    return trading_report(DayEvents(home, day), day, now_ns=begin_ns(AFTER) + DAY_NS // 4)


def test_a_journal_that_cannot_be_read_is_one_clear_error(home: Settings) -> None:
    path = home.folder("journal") / "live.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no journal" * 1_000)
    with pytest.raises(JournalReadError, match=r"live\.sqlite"):
        list(DayEvents(home, DAY))


def test_percentiles_are_numbers_that_were_there() -> None:
    assert distribution([]) == Distribution()
    found = distribution(float(one) for one in range(200, 0, -1))
    assert (found.count, found.mean, found.p50, found.p95, found.p99, found.most) == (200, 100.5, 100, 190, 198, 200)
