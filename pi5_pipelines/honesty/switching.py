"""One account through all folds of a walk-forward: at each test's start the strategy's parameters change.

Every fold's strategy sees all bars from the first one on, with its own state and without orders, so that its
indicators are warm when its turn comes; from then on its decisions are the account's, until the next fold takes over.
A position that both want is kept, as a live account would keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pi5_pipelines.honesty.wrapped import Wrapping, wrapped_loop
from trading.account import Account, Portfolio
from trading.order import BOOK_LENGTH, EMPTY, NEXT_ID, ORDER_COLUMNS, STATE
from trading.placing import cancel_all, place_target, working_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trading.order import Book
    from trading.strategy import Strategy

# The plan: how many folds, parameters of each; then per fold a head and its parameters.
PLAN_FOLDS, PLAN_WIDTH, PLAN_HEAD = range(3)
HEAD_FROM, HEAD_UNTIL, HEAD_STATE, HEAD_MEMORY, HEAD_PARAMS = range(5)

# How far a fold that places orders has come.
WATCHING, CLOSING, ACTIVE = 0.0, -1.0, 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A fold's part: parameters in the strategy's order, and the times of bars that it decides on."""

    params: tuple[float, ...]
    from_us: int
    until_us: int


def plan_of(strategy: Strategy, turns: Sequence[Turn], symbols: int) -> tuple[NDArray[np.float64], int]:
    """The turns as one flat array for the compiled strategy, and the length of the state they need together."""
    import numpy as np

    # One symbol: the last answer. Many: whether it had its turn, its weights or quantities, and positions of nothing.
    # Orders: how far it has taken over, a book a symbol for what it would place, and of many positions of nothing.
    extra = 1 + (BOOK_LENGTH * symbols if strategy.places_orders else 0)
    if strategy.many_symbols:
        extra += symbols if strategy.places_orders else 2 * symbols
    plan: list[float] = [len(turns), len(turns[0].params)]
    used = 0
    for turn in turns:
        memory = strategy.memory(turn.params, symbols)
        plan += [turn.from_us, turn.until_us, used, memory, *turn.params]
        used += extra + memory
    return np.array(plan, dtype=np.float64), used


def switching_decide(decide: Callable[..., float]) -> Callable[..., float]:
    """A strategy on one symbol that follows a plan; its params are the plan."""

    def decide_in_turn(state: Any, plan: Any, bar: Any, position: float) -> float:  # noqa: ANN401 - arrays when compiled
        answer = 0.0
        width = int(plan[PLAN_WIDTH])
        for k in range(int(plan[PLAN_FOLDS])):
            at = PLAN_HEAD + k * (HEAD_PARAMS + width)
            if bar.ts_us >= plan[at + HEAD_UNTIL]:
                continue
            mine = int(plan[at + HEAD_STATE])
            memory = state[mine + 1 : mine + 1 + int(plan[at + HEAD_MEMORY])]
            params = plan[at + HEAD_PARAMS : at + HEAD_PARAMS + width]
            active = bar.ts_us >= plan[at + HEAD_FROM]
            own = decide(memory, params, bar, position if active else 0.0)
            if own == own:  # noqa: PLR0124 - NaN: no opinion, the last one stands
                state[mine] = own
            if active:
                answer = state[mine]
        return answer

    return decide_in_turn


def switching_allocate(allocate: Callable[..., bool]) -> Callable[..., bool]:
    """A strategy over many symbols that follows a plan; its params are the plan."""

    def ask(memory: Any, params: Any, bars: Any, held: Any, nothing: Any, active: bool, own: Any) -> bool:  # noqa: ANN401, FBT001 - as above
        return allocate(memory, params, bars, held if active else nothing, own)

    return in_turn(ask)


def switching_hold(hold: Callable[..., bool]) -> Callable[..., bool]:
    """A strategy that names quantities and follows a plan; before its turn a fold sees a flat account."""

    def ask(memory: Any, params: Any, bars: Any, held: Any, nothing: Any, active: bool, own: Any) -> bool:  # noqa: ANN401, FBT001 - as above
        return hold(memory, params, bars, held if active else flat(held, nothing), own)

    return in_turn(ask)


def in_turn(ask: Callable[..., bool]) -> Callable[..., bool]:
    """Ask every fold of a plan on every bar until its end, and answer what the one whose turn it is wants."""
    from numba.extending import register_jitable

    register_jitable(ask)

    def answer_in_turn(state: Any, plan: Any, bars: Any, held: Any, wanted: Any) -> bool:  # noqa: ANN401 - as above
        trade = False
        symbols = len(wanted)
        width = int(plan[PLAN_WIDTH])
        for k in range(int(plan[PLAN_FOLDS])):
            at = PLAN_HEAD + k * (HEAD_PARAMS + width)
            if bars[0].ts_us >= plan[at + HEAD_UNTIL]:
                continue
            mine = int(plan[at + HEAD_STATE])
            own = state[mine + 1 : mine + 1 + symbols]
            nothing = state[mine + 1 + symbols : mine + 1 + 2 * symbols]
            first = mine + 1 + 2 * symbols
            memory = state[first : first + int(plan[at + HEAD_MEMORY])]
            params = plan[at + HEAD_PARAMS : at + HEAD_PARAMS + width]
            active = bars[0].ts_us >= plan[at + HEAD_FROM]
            moved = ask(memory, params, bars, held, nothing, active, own)
            if active:
                trade = moved or state[mine] == 0.0
                state[mine] = 1.0
                for s in range(symbols):
                    wanted[s] = own[s]
        return trade

    return answer_in_turn


def flat(portfolio: Portfolio, nothing: Sequence[float]) -> Portfolio:
    """The same account if it held nothing; `nothing` is a zero a symbol."""
    return Portfolio(
        portfolio.equity,
        portfolio.equity,
        nothing,
        nothing,
        portfolio.lots,
        portfolio.ticks,
        portfolio.leverage,
        portfolio.rules,
    )


def switching_trade(trade: Callable[..., None]) -> Callable[..., None]:
    """A strategy that places orders and follows a plan.

    Nobody knows what the orders and the position of another fold were meant for: at its first bar a fold cancels them,
    closes the position at the next price, and trades once the account is flat.
    """

    def trade_in_turn(state: Any, plan: Any, bar: Any, account: Any, orders: Any) -> None:  # noqa: ANN401 - as above
        width = int(plan[PLAN_WIDTH])
        for k in range(int(plan[PLAN_FOLDS])):
            at = PLAN_HEAD + k * (HEAD_PARAMS + width)
            if bar.ts_us >= plan[at + HEAD_UNTIL]:
                continue
            mine = int(plan[at + HEAD_STATE])
            book = state[mine + 1 : mine + 1 + BOOK_LENGTH]
            first = mine + 1 + BOOK_LENGTH
            memory = state[first : first + int(plan[at + HEAD_MEMORY])]
            params = plan[at + HEAD_PARAMS : at + HEAD_PARAMS + width]
            if bar.ts_us >= plan[at + HEAD_FROM] and state[mine] != ACTIVE:
                if state[mine] == WATCHING:
                    cancel_all(orders)
                if account.position == 0.0:
                    state[mine] = ACTIVE
                elif state[mine] == WATCHING or working_count(orders) == 0:
                    place_target(orders, 0.0)
                    state[mine] = CLOSING
            if state[mine] == ACTIVE:
                trade(memory, params, bar, account, orders)
                continue
            equity = account.equity
            flat = Account(equity, 0.0, 0.0, equity, account.lot, account.tick, account.leverage, account.rules)
            book[NEXT_ID] = max(book[NEXT_ID], 1.0)
            trade(memory, params, bar, flat, book)
            for slot in range(ORDER_COLUMNS, BOOK_LENGTH, ORDER_COLUMNS):
                book[slot + STATE] = EMPTY

    return trade_in_turn


def switching_trade_all(trade_all: Callable[..., None]) -> Callable[..., None]:
    """The same over many symbols: a fold trades once the account holds none of them."""

    def trade_all_in_turn(state: Any, plan: Any, bars: Any, portfolio: Any, books: Any) -> None:  # noqa: ANN401 - as above
        symbols = len(books)
        width = int(plan[PLAN_WIDTH])
        for k in range(int(plan[PLAN_FOLDS])):
            at = PLAN_HEAD + k * (HEAD_PARAMS + width)
            if bars[0].ts_us >= plan[at + HEAD_UNTIL]:
                continue
            mine = int(plan[at + HEAD_STATE])
            nothing = state[mine + 1 : mine + 1 + symbols]
            first = mine + 1 + symbols
            own = state[first : first + symbols * BOOK_LENGTH].reshape((symbols, BOOK_LENGTH))
            first += symbols * BOOK_LENGTH
            memory = state[first : first + int(plan[at + HEAD_MEMORY])]
            params = plan[at + HEAD_PARAMS : at + HEAD_PARAMS + width]
            if bars[0].ts_us >= plan[at + HEAD_FROM] and state[mine] != ACTIVE:
                state[mine] = taken_over(portfolio, books, state[mine] == WATCHING)
            if state[mine] == ACTIVE:
                trade_all(memory, params, bars, portfolio, books)
                continue
            for s in range(symbols):
                own[s][NEXT_ID] = max(own[s][NEXT_ID], 1.0)
            trade_all(memory, params, bars, flat(portfolio, nothing), own)
            for s in range(symbols):
                for slot in range(ORDER_COLUMNS, BOOK_LENGTH, ORDER_COLUMNS):
                    own[s][slot + STATE] = EMPTY

    return trade_all_in_turn


def taken_over(portfolio: Portfolio, books: Sequence[Book], begins: bool) -> float:  # noqa: FBT001 - numba knows no keyword-only ones
    """Send every symbol that is held to nothing, at first without its orders; ACTIVE once none is held."""
    how_far = ACTIVE
    for s in range(len(books)):
        if begins:
            cancel_all(books[s])
        if portfolio.positions[s] != 0.0:
            how_far = CLOSING
            if begins or working_count(books[s]) == 0:
                place_target(books[s], 0.0)
    return how_far


def switching_loop(name: str, loop: str = "plain") -> Callable[..., None]:
    """The compiled event loop of a strategy that follows a plan; the first call of a new code version takes seconds."""
    around = Wrapping(
        switching_decide, switching_allocate, switching_hold, switching_trade, switching_trade_all, (flat, taken_over)
    )
    return wrapped_loop(name, loop, around)
