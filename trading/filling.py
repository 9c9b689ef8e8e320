"""One order meets one price: how much fills, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.contingency import after_fill, clear, drop
from trading.fees import fee_before_minimum, fee_to_pay
from trading.frictions import fees_of, rules_of, slippage_of
from trading.ledger import (
    CANCELED_EVENT,
    CASH,
    ENTRY,
    EQUITY,
    FEES,
    IMPACT,
    LOT,
    NO_FUNDS,
    NO_REASON,
    NOTHING,
    OTHERS_WORTH,
    POSITION,
    POSITION_CLOSED,
    REJECTED_EVENT,
    REVIEWED,
    SIGMA,
    SLIPPAGE,
    SPREAD,
    STEP,
    TRADE,
    TRADED,
    TRADED_DAY,
    TRADED_SLOTS,
    TRIGGERED_EVENT,
    USUAL_VOLUME,
    VOLUME,
    VOLUME_LIMIT,
    VOLUME_USED,
    Desk,
    write_event,
    write_fill,
)
from trading.margin import covered_quantity, whole_lots
from trading.matching import is_limit, needs_trigger
from trading.order import (
    BLOCKED,
    EMPTY,
    FEE_DUE,
    FEE_PAID,
    FILLED,
    LIMIT,
    NAN,
    QUANTITY,
    REDUCE_ONLY,
    SIDE,
    STATE,
    STOP_LIMIT,
    TARGET,
    TARGET_QUANTITY,
    TRIGGERED,
    TYPE,
    VALUE,
    is_target,
    remaining,
)
from trading.position import cash_after, closes_first, resize
from trading.slippage import Priced, priced

if TYPE_CHECKING:
    from trading.order import Book

DUST = 1e-9  # of a lot: what rounding leaves
OUT_OF_MONEY = -1.0  # in BLOCKED: what is left of the order cannot be paid for


def act(desk: Desk, i: int, slot: int, price: float, moving: bool) -> None:
    """Let a working order act at a price it has met; `moving`: the price came to it, rather than appeared."""
    orders = desk.orders
    if needs_trigger(orders, slot):
        orders[slot + TRIGGERED] = 1.0
        write_event(desk, i, slot, TRIGGERED_EVENT, NO_REASON, remaining(orders, slot), price)
        if orders[slot + TYPE] == STOP_LIMIT:
            return
    if is_target(orders, slot):
        act_on_target(desk, i, slot, price)
        return
    wanted = remaining(orders, slot)
    if orders[slot + REDUCE_ONLY] != 0.0:
        wanted = min(wanted, max(0.0, -orders[slot + SIDE] * desk.ledger[POSITION]))
        if wanted <= DUST * desk.ledger[LOT]:
            drop(desk, i, slot, CANCELED_EVENT, POSITION_CLOSED)
            return
    maker = moving and is_limit(orders, slot) and price == orders[slot + LIMIT]
    deal(desk, i, slot, orders[slot + SIDE] * wanted, price, maker)
    conclude(desk, i, slot)


def act_on_target(desk: Desk, i: int, slot: int, price: float) -> None:
    """Bring the position to its target: leave first where the side changes, then open or resize."""
    orders, ledger = desk.orders, desk.ledger
    if closes_first(ledger[POSITION], orders[slot + TARGET]):
        ask(orders, slot, -ledger[POSITION])
        deal(desk, i, slot, -ledger[POSITION], price, False)
        if abs(ledger[POSITION]) > DUST * desk.ledger[LOT]:
            conclude(desk, i, slot)
            return
        ledger[POSITION] = 0.0
    wanted = to_target(desk, slot, price)
    if wanted == 0.0:
        if orders[slot + FILLED] > 0.0:
            clear(desk, slot)
        else:
            drop(desk, i, slot, CANCELED_EVENT, NOTHING)
        return
    ask(orders, slot, wanted)
    deal(desk, i, slot, wanted, price, False)
    conclude(desk, i, slot)


def to_target(desk: Desk, slot: int, price: float) -> float:
    """The signed quantity that brings the position to a target order's goal at `price`."""
    orders, ledger = desk.orders, desk.ledger
    target, position = orders[slot + TARGET], ledger[POSITION]
    if orders[slot + TYPE] == TARGET_QUANTITY:
        side = 1.0 if target > 0.0 else -1.0
        difference: float = side * whole_lots(ledger, abs(target)) - position
        return difference
    equity = ledger[CASH] + position * price + ledger[OTHERS_WORTH]
    if ledger[REVIEWED] != 0.0:
        equity = ledger[EQUITY]
    return resize(rules_of(ledger), ledger[LOT], position, equity, price, target)


def side_at(desk: Desk, slot: int, price: float) -> float:
    """Whether an order that acts at `price` begins with a purchase (1) or not (-1)."""
    orders, position = desk.orders, desk.ledger[POSITION]
    if not is_target(orders, slot):
        side: float = orders[slot + SIDE]
        return side
    if closes_first(position, orders[slot + TARGET]):
        return 1.0 if position < 0.0 else -1.0
    return 1.0 if to_target(desk, slot, price) > 0.0 else -1.0


def ask(orders: Book, slot: int, wanted: float) -> None:
    """Give a target order the side and the quantity that it needs now."""
    orders[slot + SIDE] = 1.0 if wanted > 0.0 else -1.0
    orders[slot + QUANTITY] = orders[slot + FILLED] + abs(wanted)


def deal(desk: Desk, i: int, slot: int, wanted: float, price: float, maker: bool) -> None:
    """Fill as much of a signed quantity as volume and money allow, and mark the order where they did not."""
    orders, ledger = desk.orders, desk.ledger
    side = 1.0 if wanted > 0.0 else -1.0
    quantity = volume_left(desk, abs(wanted))
    if quantity < abs(wanted):
        orders[slot + BLOCKED] = ledger[STEP]
    if quantity <= 0.0:
        return
    prices = prices_of(desk, slot, side * quantity, price, maker)
    fee = fee_of(desk, slot, prices.price, quantity, maker)
    covered = covered_quantity(ledger, side, quantity, prices.price, fee)
    if covered < quantity:
        orders[slot + BLOCKED] = OUT_OF_MONEY
        quantity = whole_lots(ledger, covered)
        if quantity <= 0.0:
            return
        prices = prices_of(desk, slot, side * quantity, price, maker)
        fee = fee_of(desk, slot, prices.price, quantity, maker)
    settle(desk, slot, side * quantity, prices, fee, maker)
    write_fill(desk, i, slot, side * quantity, prices.price, fee, abs(quantity * (prices.price - price)))
    write_event(desk, i, slot, TRADE, NO_REASON, quantity, prices.price)
    after_fill(desk, i, slot, quantity, prices.price)


def conclude(desk: Desk, i: int, slot: int) -> None:
    """Take an order out of the book that is complete, or that has no money left."""
    orders = desk.orders
    if orders[slot + STATE] == EMPTY:
        return
    if remaining(orders, slot) <= DUST * desk.ledger[LOT]:
        clear(desk, slot)
    elif orders[slot + BLOCKED] == OUT_OF_MONEY:
        drop(desk, i, slot, CANCELED_EVENT if orders[slot + FILLED] > 0.0 else REJECTED_EVENT, NO_FUNDS)


def volume_left(desk: Desk, quantity: float) -> float:
    """The part of a quantity that the bar's volume still has room for, in whole lots."""
    limit = desk.ledger[VOLUME_LIMIT]
    if limit <= 0.0:
        return quantity
    room = max(0.0, limit * desk.ledger[VOLUME] - desk.ledger[VOLUME_USED])
    return quantity if quantity <= room else whole_lots(desk.ledger, room)


def prices_of(desk: Desk, slot: int, quantity: float, price: float, maker: bool) -> Priced:
    """The price of a fill: an order that rested pays its own, one that takes pays spread, slippage and impact."""
    if maker:
        return Priced(price, 0.0, 0.0, 0.0)
    orders, ledger = desk.orders, desk.ledger
    limit = orders[slot + LIMIT] if is_limit(orders, slot) else NAN
    volumes = (ledger[VOLUME], ledger[VOLUME_USED])
    return priced(slippage_of(ledger), price, quantity, limit, volumes, (ledger[SIGMA], ledger[USUAL_VOLUME]))


def fee_of(desk: Desk, slot: int, price: float, quantity: float, maker: bool) -> float:
    """The fee that a fill of this order would pay."""
    orders = desk.orders
    fees = fees_of(desk.ledger)
    own = fee_before_minimum(fees, price, quantity, desk.ledger[TRADED], maker)
    return fee_to_pay(
        fees, own, orders[slot + FEE_DUE] + own, orders[slot + FEE_PAID], orders[slot + VALUE] + price * quantity
    )


def settle(
    desk: Desk,
    slot: int,
    quantity: float,
    prices: Priced,
    fee: float,
    maker: bool,
) -> None:
    """Move cash and position, and add up what the fill cost."""
    orders, ledger = desk.orders, desk.ledger
    size, before = abs(quantity), ledger[POSITION]
    after = before + quantity
    if before * quantity >= 0.0:
        ledger[ENTRY] = (abs(before) * ledger[ENTRY] + size * prices.price) / abs(after)
    elif before * after <= 0.0:
        ledger[ENTRY] = prices.price if after != 0.0 else 0.0
    orders[slot + FEE_DUE] += fee_before_minimum(fees_of(ledger), prices.price, size, ledger[TRADED], maker)
    orders[slot + FEE_PAID] += fee
    orders[slot + FILLED] += size
    orders[slot + VALUE] += size * prices.price
    ledger[CASH] = cash_after(ledger[CASH], quantity, prices.price, fee)
    ledger[POSITION] = after
    ledger[VOLUME_USED] += size
    ledger[FEES] += fee
    ledger[SPREAD] += size * prices.spread
    ledger[SLIPPAGE] += size * prices.slippage
    ledger[IMPACT] += size * prices.impact
    ledger[TRADED] += size * prices.price
    ledger[TRADED_DAY + 1 + int(ledger[TRADED_DAY]) % TRADED_SLOTS] += size * prices.price
