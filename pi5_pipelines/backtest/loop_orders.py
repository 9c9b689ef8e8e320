"""The event loop of accounts that trade by orders: one symbol, with all frictions, compiled or interpreted.

A strategy that places orders is asked with its book; one that names targets has them turned into orders, so that the
same frictions hold for both. Without frictions the latter gives the plain loop's results to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pi5_pipelines.backtest.driver import CURVE_CASH, CURVE_DECISION, CURVE_EQUITY, CURVE_POSITION
from trading.bar import Bar
from trading.broker import close_session, match_bar
from trading.financing import DAY_US
from trading.ledger import BARS_END, CASH, CLOSE_AT_END, DAILY, FILL_AT, POSITION, RUINED
from trading.placing import working_count
from trading.rules import NEXT_OPEN
from trading.session import begin, finish, follow_target, leave, view

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.driver import Columns, Numbers
    from trading.ledger import Desk


class Inside(NamedTuple):
    """Finer bars that decide within each bar: those of bar `i` are `start[i]` up to `start[i + 1]`; empty: none."""

    start: Numbers
    ts_us: Numbers
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers


def placing_orders(trade: Callable[..., None]) -> Callable[..., None]:
    """The loop for a strategy that places orders."""

    def run(
        columns: Columns,
        inside: Inside,
        dividends: Numbers,
        params: Numbers,
        state: Numbers,
        desk: Desk,
        curve: Numbers,
    ) -> None:
        bars = len(columns.close)
        for i in range(bars):
            bar = bar_of(columns, i)
            last = desk.ledger[CLOSE_AT_END] != 0.0 and i == bars - 1
            before_strategy(columns, inside, dividends, desk, i, bar, last)
            if desk.ledger[RUINED] < 0.0:
                trade(state, params, bar, view(desk, bar.close), desk.orders)
                finish(desk, i, bar, last)
            record(desk, curve, i, bar.close)

    return run


def naming_targets(decide: Callable[..., float]) -> Callable[..., None]:
    """The loop for a strategy that names targets."""

    def run(
        columns: Columns,
        inside: Inside,
        dividends: Numbers,
        params: Numbers,
        state: Numbers,
        desk: Desk,
        curve: Numbers,
    ) -> None:
        bars = len(columns.close)
        for i in range(bars):
            bar = bar_of(columns, i)
            last = desk.ledger[CLOSE_AT_END] != 0.0 and i == bars - 1
            before_strategy(columns, inside, dividends, desk, i, bar, last)
            if desk.ledger[RUINED] < 0.0:
                account = view(desk, bar.close)
                follow_target(desk.orders, account, decide(state, params, bar, account.position))
                finish(desk, i, bar, last)
            record(desk, curve, i, bar.close)

    return run


def bar_of(columns: Columns, i: int) -> Bar:
    """Bar `i`."""
    return Bar(columns.ts_us[i], columns.open[i], columns.high[i], columns.low[i], columns.close[i], columns.volume[i])


def before_strategy(
    columns: Columns,
    inside: Inside,
    dividends: Numbers,
    desk: Desk,
    i: int,
    bar: Bar,
    last: bool,  # noqa: FBT001 - numba knows no keyword-only ones
) -> None:
    """All of bar `i` that happens before its close: financing, then fills."""
    before = max(0, i - 1)
    dividend = dividends[i] if len(dividends) > 0 else 0.0
    begin(desk, i, float(bar.ts_us), float(columns.ts_us[before]), columns.close[before], dividend)
    if last and desk.ledger[FILL_AT] == NEXT_OPEN and desk.ledger[RUINED] < 0.0:
        # The order to be flat goes out after the bar before, so it fills at the last open.
        leave(desk, i, i, BARS_END)
    opens = desk.ledger[DAILY] != 0.0 or i == 0 or day_of(columns, i) != day_of(columns, i - 1)
    first, end = (inside.start[i], inside.start[i + 1]) if len(inside.start) > 0 else (0, 0)
    if first == end:
        match_bar(desk, i, bar, opens, True)  # noqa: FBT003
    for j in range(first, end):
        finer = Bar(inside.ts_us[j], inside.open[j], inside.high[j], inside.low[j], inside.close[j], inside.volume[j])
        match_bar(desk, i, finer, opens, j == first)
    if desk.ledger[DAILY] != 0.0 or (i + 1 < len(columns.ts_us) and day_of(columns, i + 1) != day_of(columns, i)):
        close_session(desk, i, bar)


def day_of(columns: Columns, i: int) -> int:
    """The UTC day that bar `i` opens in."""
    return int(columns.ts_us[i] // DAY_US)


def record(desk: Desk, curve: Numbers, i: int, price: float) -> None:
    """Write the account down as it stands after bar `i`."""
    ledger = desk.ledger
    curve[CURVE_EQUITY][i] = ledger[CASH] + ledger[POSITION] * price
    curve[CURVE_CASH][i] = ledger[CASH]
    curve[CURVE_POSITION][i] = ledger[POSITION]
    curve[CURVE_DECISION][i] = working_count(desk.orders)
