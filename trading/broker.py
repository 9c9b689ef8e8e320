"""A simulated broker for one symbol: it takes orders, matches them against a bar, and cancels or expires the rest.

Within a bar only four prices are known. Two walks visit them: open, high, low, close and open, low, high, close.
Where they lead to different fills the bar is counted as ambiguous, and the walk counts that leaves the account worth
less at the close (docs/adr/0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.contingency import drop
from trading.filling import act, side_at, volume_left
from trading.ledger import (
    AMBIGUOUS,
    CANCELED_EVENT,
    CASH,
    EXPIRED_EVENT,
    FILL_COUNT,
    LATENCY_BARS,
    NEW_EVENT,
    NO_PARENT,
    NO_REASON,
    NO_VOLUME,
    NOT_MET,
    POSITION,
    REJECTED_EVENT,
    REQUESTED,
    SESSION_ENDED,
    SIDE_NOW,
    STEP,
    VOLUME,
    VOLUME_USED,
    Desk,
    asked_price,
    restore,
    save,
    write_event,
    write_refused,
)
from trading.matching import action_price, follow, is_limit, within_reach
from trading.order import (
    AT_CLOSE,
    AT_OPEN,
    BLOCKED,
    CANCEL_FROM,
    DAY,
    EXTREME,
    FOK,
    ID,
    IOC,
    LIVE_FROM,
    LIVE_US,
    MARKET,
    NEW,
    PARENT,
    PENDING_CANCEL,
    PENDING_NEW,
    PLACED,
    REFUSED,
    STATE,
    TIF,
    TYPE,
    WAITING,
    find_order,
    is_target,
    is_working,
    remaining,
    slots,
)
from trading.order_checks import is_limited, limit_refusal, refusal
from trading.placing import working_count

if TYPE_CHECKING:
    from trading.bar import Bar
    from trading.order import Book

# Moments of a bar.
AT_FIRST, BETWEEN, AT_LAST, AT_DECISION = range(4)


def take_orders(desk: Desk, i: int, price: float) -> None:
    """After bar `i`: accept or reject what was placed, and note or carry out cancellations."""
    orders = desk.orders
    for _ in range(int(orders[REFUSED])):
        write_refused(desk, i, price)
    orders[REFUSED] = 0.0
    for children in (False, True):
        for slot in slots(orders):
            if orders[slot + STATE] == PENDING_NEW and (orders[slot + PARENT] != 0.0) == children:
                take_order(desk, i, slot, price)
    for slot in slots(orders):
        if orders[slot + STATE] == PENDING_CANCEL:
            if orders[slot + CANCEL_FROM] == 0.0:
                orders[slot + CANCEL_FROM] = i + 1 + int(desk.ledger[LATENCY_BARS])
            if orders[slot + CANCEL_FROM] <= i + 1 or orders[slot + LIVE_FROM] == 0.0:
                drop(desk, i, slot, CANCELED_EVENT, REQUESTED)


def take_order(desk: Desk, i: int, slot: int, price: float) -> None:
    """Accept or reject one new order."""
    orders = desk.orders
    reason = refusal(orders, slot, desk.ledger, price)
    if reason == NO_REASON and orders[slot + PARENT] != 0.0:
        parent = find_order(desk.orders, orders[slot + PARENT])
        if parent == 0 or desk.orders[parent + PARENT] != 0.0 or desk.orders[parent + STATE] == PENDING_NEW:
            reason = NO_PARENT
    if reason == NO_REASON:
        orders[slot + STATE] = NEW
        if is_limited(desk.ledger):
            reason = limit_refusal(orders, slot, desk.ledger, price)
    if reason != NO_REASON:
        drop(desk, i, slot, REJECTED_EVENT, reason)
        return
    orders[slot + PLACED] = i
    orders[slot + LIVE_FROM] = i + 1 + int(desk.ledger[LATENCY_BARS])
    orders[slot + EXTREME] = price
    orders[slot + BLOCKED] = 0.0
    write_event(desk, i, slot, NEW_EVENT, NO_REASON, remaining(orders, slot), asked_price(orders, slot))


def cancel_due(desk: Desk, i: int) -> None:
    """Before bar `i`: carry out the cancellations that were on their way."""
    if working_count(desk.orders) == 0:
        return
    for slot in slots(desk.orders):
        orders = desk.orders
        if orders[slot + STATE] == PENDING_CANCEL and 0.0 < orders[slot + CANCEL_FROM] <= i:
            drop(desk, i, slot, CANCELED_EVENT, REQUESTED)


def is_due(desk: Desk, slot: int, i: int, now_us: float, moment: int, ends: bool) -> bool:  # noqa: PLR0911 - one a moment
    """Whether a slot's order can fill at this moment of bar `i`; `ends`: the session opens, or closes, with it."""
    orders = desk.orders
    if not is_working(orders, slot) or orders[slot + WAITING] != 0.0 or orders[slot + BLOCKED] == desk.ledger[STEP]:
        return False
    if moment == AT_DECISION:
        return bool(orders[slot + TYPE] == MARKET) or is_target(orders, slot)
    if orders[slot + LIVE_FROM] > i or orders[slot + LIVE_US] > now_us:
        return False
    tif = orders[slot + TIF]
    if tif == AT_OPEN:
        return ends and moment == AT_FIRST
    if tif == AT_CLOSE:
        return ends and moment == AT_LAST
    if tif in (IOC, FOK):
        return moment == AT_FIRST
    return moment != AT_LAST


def walk(
    desk: Desk,
    i: int,
    now_us: float,
    moment: int,
    ends: bool,
    start: float,
    end: float,
) -> None:
    """Go from one price to another, and let every order act where it is met: the nearest first, stops before limits."""
    orders, side_now = desk.orders, desk.ledger[SIDE_NOW]
    while True:
        best, best_price = 0, 0.0
        for slot in slots(orders):
            if not is_due(desk, slot, i, now_us, moment, ends):
                continue
            price = action_price(orders, slot, start, end)
            met = price == price  # noqa: PLR0124 - NaN: not met
            if met and side_now != 0.0 and side_at(desk, slot, price) != side_now:
                continue
            if met and (best == 0 or comes_first(orders, slot, price, best, best_price, start)):
                best, best_price = slot, price
        if best == 0:
            break
        if orders[best + TIF] == FOK and volume_left(desk, remaining(orders, best)) < remaining(orders, best):
            drop(desk, i, best, EXPIRED_EVENT, NO_VOLUME)
            continue
        moving = best_price != start
        act(desk, i, best, best_price, moving)
        start = best_price
    for slot in slots(orders):
        if is_due(desk, slot, i, now_us, moment, ends):
            follow(orders, slot, end)


def comes_first(orders: Book, slot: int, price: float, best: int, best_price: float, start: float) -> bool:
    """Whether a slot's order acts before the best one so far on the way from `start`."""
    near, best_near = abs(price - start), abs(best_price - start)
    if near != best_near:
        return near < best_near
    limited, best_limited = is_limit(orders, slot), is_limit(orders, best)
    if limited != best_limited:
        return best_limited
    older: bool = orders[slot + ID] < orders[best + ID]
    return older


def match_bar(desk: Desk, i: int, bar: Bar, opens: bool, first: bool) -> None:
    """Match the book against one bar: at its open, then along its worse walk; `opens`: a session opens with it.

    `first` is false for finer bars after the first one of bar `i`.
    """
    take_step(desk, bar)
    if working_count(desk.orders) == 0:
        return
    now_us = float(bar.ts_us)
    walk(desk, i, now_us, AT_FIRST, opens and first, bar.open, bar.open)
    expire_at_once(desk, i, now_us, opens)
    match_inside(desk, i, bar)


def take_step(desk: Desk, bar: Bar) -> None:
    """Turn to a new bar, of whose volume nothing is used yet."""
    ledger = desk.ledger
    ledger[STEP] += 1.0
    ledger[VOLUME] = bar.volume
    ledger[VOLUME_USED] = 0.0


def match_inside(desk: Desk, i: int, bar: Bar) -> None:
    """Match the book against all that comes after a bar's open, along the worse of two walks."""
    ledger, orders = desk.ledger, desk.orders
    now_us = float(bar.ts_us)
    reached = False
    for slot in slots(orders):
        if is_due(desk, slot, i, now_us, BETWEEN, False) and within_reach(orders, slot, bar.low, bar.high):
            reached = True
            break
    if not reached:
        for slot in slots(orders):
            if is_due(desk, slot, i, now_us, BETWEEN, False):
                follow(orders, slot, bar.high)
                follow(orders, slot, bar.low)
        return
    save(desk)
    walk_inside(desk, i, bar, True)
    up_cash, up_position, up_fills = ledger[CASH], ledger[POSITION], ledger[FILL_COUNT]
    restore(desk)
    walk_inside(desk, i, bar, False)
    if up_cash == ledger[CASH] and up_position == ledger[POSITION] and up_fills == ledger[FILL_COUNT]:
        return
    worth = ledger[CASH] + ledger[POSITION] * bar.close
    if up_cash + up_position * bar.close < worth:
        restore(desk)
        walk_inside(desk, i, bar, True)
    ledger[AMBIGUOUS] += 1.0


def walk_inside(desk: Desk, i: int, bar: Bar, high_first: bool) -> None:
    """From the open over both extremes to the close."""
    now_us = float(bar.ts_us)
    one, other = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    walk(desk, i, now_us, BETWEEN, False, bar.open, one)
    walk(desk, i, now_us, BETWEEN, False, one, other)
    walk(desk, i, now_us, BETWEEN, False, other, bar.close)


def expire_at_once(desk: Desk, i: int, now_us: float, opens: bool) -> None:
    """End the orders that were to fill at this open or not at all."""
    for slot in slots(desk.orders):
        orders = desk.orders
        if (
            not is_working(orders, slot)
            or orders[slot + WAITING] != 0.0
            or orders[slot + LIVE_FROM] > i
            or orders[slot + LIVE_US] > now_us
        ):
            continue
        if orders[slot + TIF] == IOC or orders[slot + TIF] == FOK or (orders[slot + TIF] == AT_OPEN and opens):
            drop(desk, i, slot, EXPIRED_EVENT, NO_VOLUME if orders[slot + BLOCKED] == desk.ledger[STEP] else NOT_MET)


def close_session(desk: Desk, i: int, bar: Bar) -> None:
    """At a session's last price: fill what waits for the close, and end what was good for the day."""
    if working_count(desk.orders) == 0:
        return
    walk(desk, i, float(bar.ts_us), AT_LAST, True, bar.close, bar.close)
    expire_at_close(desk, i, float(bar.ts_us))


def expire_at_close(desk: Desk, i: int, now_us: float) -> None:
    """End what was good for the session, or to fill at its close."""
    for slot in slots(desk.orders):
        orders = desk.orders
        if (
            not is_working(orders, slot)
            or orders[slot + WAITING] != 0.0
            or orders[slot + LIVE_FROM] > i
            or orders[slot + LIVE_US] > now_us
        ):
            continue
        if orders[slot + TIF] == DAY:
            drop(desk, i, slot, EXPIRED_EVENT, SESSION_ENDED)
        elif orders[slot + TIF] == AT_CLOSE:
            drop(desk, i, slot, EXPIRED_EVENT, NO_VOLUME if orders[slot + BLOCKED] == desk.ledger[STEP] else NOT_MET)
