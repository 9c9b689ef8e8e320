"""What may be lost: in a day, and from the highest equity. Beyond it the kill switch goes on by itself.

A re-arm by a person starts both measures anew from the equity at that moment: who has seen the loss and goes on, goes
on with the same distance to the limits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import AccountMarked, Event, KillSwitchRearmed, KillSwitchSet
from live_engine.risk.kill_switch import AUTOMATIC, is_stronger, may_rearm

if TYPE_CHECKING:
    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

HUNDRED = Decimal(100)


class EquityMarks(msgspec.Struct, frozen=True):
    """Equity now, at the start of the day, and at its highest; `day` as the account's marks name it, "" before any."""

    day: str = ""
    equity: Decimal = Decimal(0)
    start_of_day: Decimal = Decimal(0)
    peak: Decimal = Decimal(0)


def fold_marks(marks: EquityMarks, event: Event) -> EquityMarks:
    """The marks after an event; a new day starts with the equity that the one before it ended with."""
    body = event.body
    if isinstance(body, AccountMarked):
        if not marks.day:
            return EquityMarks(day=body.day, equity=body.equity, start_of_day=body.equity, peak=body.equity)
        begins = body.day > marks.day
        return EquityMarks(
            day=body.day if begins else marks.day,
            equity=body.equity,
            start_of_day=marks.equity if begins else marks.start_of_day,
            peak=max(marks.peak, body.equity),
        )
    if isinstance(body, KillSwitchRearmed) and may_rearm(body.actor):
        return EquityMarks(day=marks.day, equity=marks.equity, start_of_day=marks.equity, peak=marks.equity)
    return marks


def daily_loss(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """No more than so much money lost since the day began."""
    return _lost_today(view, limits)


def drawdown(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """No more than so much of the highest equity lost."""
    return _drawn_down(view, limits)


def breach(view: RiskView, limits: RiskLimits) -> KillSwitchSet | None:
    """What to write down when a loss is beyond its limit and the kill switch is not on that far yet."""
    reason = _lost_today(view, limits) or _drawn_down(view, limits)
    if reason is None or not is_stronger(limits.loss_action, view.kill):
        return None
    return KillSwitchSet(action=limits.loss_action, actor=AUTOMATIC, reason=reason)


def _lost_today(view: RiskView, limits: RiskLimits) -> str | None:
    lost = view.start_of_day_equity - view.equity
    if lost <= limits.max_daily_loss:
        return None
    return f"{lost:f} have been lost today, at most {limits.max_daily_loss:f} may be"


def _drawn_down(view: RiskView, limits: RiskLimits) -> str | None:
    lost = view.peak_equity - view.equity
    if lost * HUNDRED <= limits.max_drawdown_pct * max(view.peak_equity, Decimal(0)):
        return None
    return (
        f"equity {view.equity:f} lies {lost:f} below its highest, {view.peak_equity:f}; "
        f"at most {limits.max_drawdown_pct:f} % may be"
    )
