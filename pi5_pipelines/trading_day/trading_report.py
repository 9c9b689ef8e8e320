"""A day of live trading in figures: money, fills, waiting times, refusals, streams, the engine's own hours."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal  # noqa: TC003 - msgspec reads it at run time
from typing import TYPE_CHECKING

import msgspec

from live_engine import events as told
from pi5_pipelines.trading_day.distribution import Distribution, distribution
from pi5_pipelines.trading_day.fills import DayFill, day_fill
from pi5_pipelines.trading_day.journal_days import DAY_NS, begin_ns, day_of
from pi5_pipelines.trading_day.orders import Orders, SeenOrder
from pi5_pipelines.trading_day.profit import BookOfDay, Profit, Total
from pi5_pipelines.trading_day.uptime import Runs, Uptime

if TYPE_CHECKING:
    from datetime import date

    from pi5_pipelines.trading_day.journal_days import DayEvents

NS_PER_MS = 1e6
MOST_REASONS = 100
OTHER_REASONS = "other reasons"
REFUSALS = {told.OrderRejected: "order", told.CancelRejected: "cancel", told.ReplaceRejected: "replace"}


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one kind: `what` was refused, or the rule that did it; `reason` is the venue's, or the last one."""

    what: str
    reason: str
    count: int


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of the monotonic clock between the durable events of an order; each order counts once."""

    intent_to_accepted: Distribution
    accepted_to_filled: Distribution
    intent_to_filled: Distribution


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: the kill switch used, a strategy stopped, a gap in a stream."""

    wall_ns: int
    what: str
    who: str
    reason: str


class Point(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Equity by the time of the prices that it was marked at."""

    market_ns: int
    equity: Decimal


class TradingReport(msgspec.Struct, frozen=True, kw_only=True):
    """The day's figures; `is_over` is false while more may come. Equity is None where the account was never marked."""

    day: str
    is_over: bool
    events: int
    equity_start: Decimal | None
    equity_end: Decimal | None
    equity: list[Point]
    totals: list[Total]
    books: list[BookOfDay]
    orders: int
    fills: list[DayFill]
    slippage_bps: Distribution
    latency: Latency
    rejects: list[Refusals]
    denials: list[Refusals]
    unexplained: list[str]
    gaps: list[Noted]
    stale: Distribution
    late_ticks: int
    uptime: Uptime
    kill_switch_start: str
    kill_switch_end: str
    kill_switch: list[Noted]
    stopped: list[Noted]

    @property
    def change(self) -> Decimal | None:
        """What equity gained."""
        if self.equity_start is None or self.equity_end is None:
            return None
        return self.equity_end - self.equity_start


class _Fold:
    def __init__(self, day: date) -> None:
        self.events = self.orders = self.late_ticks = 0
        self.seen, self.profit, self.runs = Orders(), Profit(), Runs(day)
        self.fills: list[DayFill] = []
        self.accepted: list[float] = []
        self.filled: list[float] = []
        self.whole: list[float] = []
        self.rejects: Counter[tuple[str, str]] = Counter()
        self.denials: dict[str, tuple[int, str]] = {}
        self.unexplained: list[str] = []
        self.gaps: list[Noted] = []
        self.stale: list[float] = []
        self.marks: list[Point] = []
        self.before: Decimal | None = None
        self.kill = self.kill_start = ""
        self.kill_uses: list[Noted] = []
        self.stopped: list[Noted] = []

    def take(self, event: told.Event, *, counts: bool) -> None:
        """The next event of the journal; one that does not count only moves what the day begins with."""
        body = event.body
        if counts and not self.events:
            self.kill_start = self.kill
        self.events += counts
        self.runs.take(event, counts=counts)
        order = self.seen.take(event)
        if isinstance(body, told.BarClosed) and not body.strategy:
            self.profit.price(body.symbol, body.close, counts=counts)
        elif isinstance(body, told.OrderFilled):
            self._fill(order, body, event, counts=counts)
        elif isinstance(body, (told.KillSwitchSet, told.KillSwitchRearmed)):
            self._switch(body, event, counts=counts)
        elif isinstance(body, told.AccountMarked):
            self._mark(body, event, counts=counts)
        elif counts:
            self._count(body, event)
        if counts and order is not None:
            self._wait(order, event)

    def _fill(self, order: SeenOrder | None, body: told.OrderFilled, event: told.Event, *, counts: bool) -> None:
        if order is not None:
            fill = day_fill(order.intent, body, event)
            self.profit.fill(fill, counts=counts)
            if counts:
                self.fills.append(fill)
        elif counts and body.client_order_id not in self.seen.known:
            self.unexplained.append(f"a fill of {body.client_order_id}, an order that nobody wanted")

    def _switch(self, body: told.KillSwitchSet | told.KillSwitchRearmed, event: told.Event, *, counts: bool) -> None:
        strength = ["", "halt", "cancel-all", "flatten"]
        what = "rearm"
        if isinstance(body, told.KillSwitchSet):
            what = body.action
            self.kill = max(self.kill, what, key=strength.index)
        elif body.actor.strip() not in ("", "risk"):
            self.kill = ""
        if counts:
            self.kill_uses.append(Noted(wall_ns=event.wall_ns, what=what, who=body.actor, reason=body.reason))

    def _mark(self, body: told.AccountMarked, event: told.Event, *, counts: bool) -> None:
        if counts:
            self.marks.append(Point(market_ns=body.market_ns or event.wall_ns, equity=body.equity))
        elif not self.marks:
            self.before = body.equity

    def _count(self, body: told.AnyBody, event: told.Event) -> None:
        if isinstance(body, told.OrderIntent):
            self.orders += 1
        elif isinstance(body, told.OrderDenied):
            self.denials[body.rule] = (self.denials.get(body.rule, (0, ""))[0] + 1, body.reason)
        elif isinstance(body, (told.OrderRejected, told.CancelRejected, told.ReplaceRejected)):
            self.rejects[REFUSALS[type(body)], body.reason] += 1
            if not body.reason.strip():
                self.unexplained.append(f"{body.client_order_id} was rejected without a reason")
        elif isinstance(body, told.StreamGap):
            missing = f"{(body.to_ns - body.from_ns) / 1e9:g} s of {body.symbol}"
            self.gaps.append(Noted(wall_ns=event.wall_ns, what=missing, who=body.stream, reason=""))
        elif isinstance(body, told.StreamStale):
            self.stale.append(body.age_s)
        elif isinstance(body, told.LateTick):
            self.late_ticks += 1
        elif isinstance(body, told.StrategyStopped):
            who = f"{body.strategy} on {body.symbol}"
            self.stopped.append(Noted(wall_ns=event.wall_ns, what="stopped", who=who, reason=body.error))

    def _wait(self, order: SeenOrder, event: told.Event) -> None:
        """Note how long an order has waited for an event, when that is the first of its kind."""
        if order.accepted_by is event:
            self.accepted.append(_ms(order.wanted, event))
        if order.filled_by is event:
            self.whole.append(_ms(order.wanted, event))
            if order.accepted_by is not None:
                self.filled.append(_ms(order.accepted_by, event))


def trading_report(events: DayEvents, day: date, *, now_ns: int) -> TradingReport:
    """The figures of a day, out of all events up to its end; `now_ns` is UTC and tells whether it is over."""
    fold = _Fold(day)
    for event in events:
        fold.take(event, counts=day_of(event.wall_ns) == day)
    first, last = fold.marks[:1], fold.marks[-1:]
    doubts = [f"{name}: nobody knows what became of it ({one.doubt})" for name, one in fold.seen.doubtful.items()]
    return TradingReport(
        day=day.isoformat(),
        is_over=now_ns >= begin_ns(day) + DAY_NS,
        events=fold.events,
        equity_start=fold.before if fold.before is not None else next((one.equity for one in first), None),
        equity_end=next((one.equity for one in last), fold.before),
        equity=fold.marks,
        totals=fold.profit.totals(),
        books=fold.profit.of_day(),
        orders=fold.orders,
        fills=fold.fills,
        slippage_bps=distribution(one.slippage_bps for one in fold.fills if one.slippage_bps is not None),
        latency=Latency(
            intent_to_accepted=distribution(fold.accepted),
            accepted_to_filled=distribution(fold.filled),
            intent_to_filled=distribution(fold.whole),
        ),
        rejects=_most(fold.rejects),
        denials=[
            Refusals(what=rule, reason=reason, count=count) for rule, (count, reason) in sorted(fold.denials.items())
        ],
        unexplained=[*fold.unexplained, *doubts],
        gaps=fold.gaps,
        stale=distribution(fold.stale),
        late_ticks=fold.late_ticks,
        uptime=fold.runs.of_day(events.following, now_ns),
        kill_switch_start=fold.kill_start if fold.events else fold.kill,
        kill_switch_end=fold.kill,
        kill_switch=fold.kill_uses,
        stopped=fold.stopped,
    )


def _most(counted: Counter[tuple[str, str]]) -> list[Refusals]:
    """The most frequent refusals; beyond a bound they are counted together."""
    found = counted.most_common()
    told_of = [Refusals(what=what, reason=reason, count=count) for (what, reason), count in found[:MOST_REASONS]]
    rest = sum(count for _, count in found[MOST_REASONS:])
    return [*told_of, Refusals(what="", reason=OTHER_REASONS, count=rest)] if rest else told_of


def _ms(before: told.Event, after: told.Event) -> float:
    return (after.mono_ns - before.mono_ns) / NS_PER_MS
