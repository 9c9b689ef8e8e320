"""One bar in the life of an account that trades by orders: before it, during it, and after the strategy has spoken.

A backtest and a paper account take the same steps: `begin`, `match_bar` (with `close_session` at a session's end), the
strategy, `finish`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account import Account
from trading.broker import AT_DECISION, cancel_due, take_orders, walk
from trading.contingency import drop_all
from trading.financing import keep_cash, keep_position, roll_traded
from trading.frictions import carry_of, rules_of, slippage_of
from trading.ledger import (
    ACCOUNT_RUINED,
    BARS_END,
    CASH,
    ENTRY,
    FILL_AT,
    IMPACT_FACTOR,
    LATENCY_US,
    LEVERAGE,
    LOT,
    MAINTENANCE_MARGIN,
    MARGIN_CALL,
    MARGIN_CALLS,
    NEW_EVENT,
    POSITION,
    RUINED,
    SIGMA,
    TICK,
    TRAIL_AT,
    USUAL_VOLUME,
    write_event,
)
from trading.margin import margin_is_short
from trading.order import (
    EMPTY,
    LIQUIDATING,
    LIVE_FROM,
    LIVE_US,
    NAN,
    NEW,
    PENDING_NEW,
    PLACED,
    STATE,
    WANTED,
    slots,
)
from trading.placing import cancel_all, place_target
from trading.rules import CLOSE
from trading.slippage import observe

if TYPE_CHECKING:
    from trading.bar import Bar
    from trading.ledger import Desk
    from trading.order import Book


def begin(desk: Desk, i: int, now_us: float, before_us: float, price: float, dividend: float) -> None:
    """Before bar `i` at `now_us`: what was held since the bar before at `before_us`, whose close was `price`, settles.

    Cancellations that are due are carried out, and orders that travel for some time learn when they arrive.
    """
    if i > 0:
        ledger, worth = desk.ledger, desk.ledger[POSITION] * price
        earned = keep_cash(carry_of(ledger), ledger, min(0.0, worth), now_us - before_us)
        ledger[CASH] += earned + keep_position(carry_of(ledger), ledger, worth, before_us, now_us, dividend)
    roll_traded(desk.ledger, now_us)
    cancel_due(desk, i)
    if desk.ledger[LATENCY_US] > 0.0:
        for slot in slots(desk.orders):
            orders = desk.orders
            if (
                orders[slot + STATE] != EMPTY
                and orders[slot + PLACED] == i - 1
                and orders[slot + LIVE_FROM] == i
                and orders[slot + LIVE_US] == 0.0
            ):
                orders[slot + LIVE_US] = now_us + desk.ledger[LATENCY_US]


def view(desk: Desk, price: float) -> Account:
    """The account as a strategy sees it at a bar's close."""
    ledger = desk.ledger
    cash, position = ledger[CASH], ledger[POSITION]
    equity = cash + position * price
    return Account(
        cash,
        position,
        ledger[ENTRY],
        equity,
        ledger[LOT],
        ledger[TICK],
        ledger[LEVERAGE],
        rules_of(ledger),
    )


def follow_target(orders: Book, account: Account, decision: float) -> None:
    """Turn a target strategy's decision into an order where it changes; NaN is no decision."""
    wanted = orders[WANTED]
    if decision == decision:  # noqa: PLR0124 - NaN: no opinion yet
        wanted = 0.0 if account.rules.long_only and decision < 0.0 else decision
    if wanted != orders[WANTED]:
        cancel_all(orders)
        place_target(orders, wanted * account.leverage)
        orders[WANTED] = wanted


def leave(desk: Desk, i: int, live_from: int, reason: int) -> None:
    """End every order, and send one that sells (or buys back) the whole position from bar `live_from` on."""
    drop_all(desk, i, reason)
    if desk.ledger[POSITION] == 0.0:
        return
    place_target(desk.orders, 0.0)
    for slot in slots(desk.orders):
        orders = desk.orders
        if orders[slot + STATE] == PENDING_NEW:
            orders[slot + STATE] = NEW
            orders[slot + PLACED] = i
            orders[slot + LIVE_FROM] = live_from
            write_event(desk, i, slot, NEW_EVENT, reason, abs(desk.ledger[POSITION]), NAN)


def at_the_close(desk: Desk, i: int, bar: Bar) -> None:
    """Let market orders fill at the very close they were decided on."""
    walk(desk, i, float(bar.ts_us), AT_DECISION, False, bar.close, bar.close)


def finish(desk: Desk, i: int, bar: Bar, last: bool) -> None:
    """After the strategy has spoken on bar `i`: take its orders, unless the account is ruined or the run ends."""
    ledger, orders = desk.ledger, desk.orders
    if ledger[IMPACT_FACTOR] > 0.0:
        sigma, usual = observe(slippage_of(ledger), ledger, int(ledger[TRAIL_AT]), bar.close, bar.volume)
        ledger[SIGMA] = sigma
        ledger[USUAL_VOLUME] = usual
    if ledger[CASH] + ledger[POSITION] * bar.close <= 0.0:
        ledger[RUINED] = i
        leave(desk, i, i, ACCOUNT_RUINED)
        at_the_close(desk, i, bar)
        return
    if last:
        leave(desk, i, i, BARS_END)
        if ledger[FILL_AT] == CLOSE:
            at_the_close(desk, i, bar)
        return
    if ledger[POSITION] == 0.0:
        orders[LIQUIDATING] = 0.0
    equity, gross = ledger[CASH] + ledger[POSITION] * bar.close, abs(ledger[POSITION]) * bar.close
    if margin_is_short(equity, gross, ledger[MAINTENANCE_MARGIN]) or orders[LIQUIDATING] != 0.0:
        if orders[LIQUIDATING] == 0.0:
            ledger[MARGIN_CALLS] += 1.0
        orders[LIQUIDATING] = 1.0
        orders[WANTED] = 0.0
        leave(desk, i, i + 1, MARGIN_CALL)
        return
    take_orders(desk, i, bar.close)
    if ledger[FILL_AT] == CLOSE:
        at_the_close(desk, i, bar)
