"""A run through the loop of accounts on many symbols: its desks laid out, the loop called, its tables cut out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.clock import aligned
from pi5_pipelines.backtest.loop_pool import Around
from pi5_pipelines.backtest.run_orders import COSTS, dividends_of, frictions_of, listed, outcome_of
from pi5_pipelines.backtest.strategy_failure import naming_the_bar
from trading import ledger
from trading.financing import DAY_US
from trading.pool import Pool, Rooms, new_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import Outcome
    from pi5_pipelines.backtest.spec import BacktestSpec
    from trading.frictions import Frictions

# Rows at first: of the account's tables, and so many more a bar; of a desk's, for one bar. A run that makes more is
# run again with what it needs.
ACCOUNT_ROOM, DESK_ROOM = 2_048, 64
ROWS_A_BAR = 4


def run_pool(spec: BacktestSpec, bars: Sequence[Bars], loop: Callable[..., None], *, interpreted: bool) -> Outcome:
    """Run many symbols through the loop of pooled accounts."""
    import numpy as np

    columns = aligned(bars)
    around = around_of(spec, bars, columns.ts_us)
    instruments = [frictions_of(spec, one) for one in bars]
    room = ACCOUNT_ROOM + ROWS_A_BAR * columns.ts_us.size
    rooms = Rooms(room, room, DESK_ROOM, DESK_ROOM)
    while True:
        pool = pool_of(spec, instruments, rooms)
        curve = np.full((driver.CURVE_ROWS, columns.ts_us.size), np.nan)
        _call(spec, bars, columns, around, pool, curve, loop, interpreted=interpreted)
        wanted = (ledger.FILL_COUNT, ledger.EVENT_COUNT, ledger.WANTED_FILLS, ledger.WANTED_EVENTS)
        needs = Rooms(*(int(pool.account[column]) for column in wanted))
        if all(need <= there for need, there in zip(needs, rooms, strict=True)):
            return _outcome(columns.ts_us, curve, pool, rooms)
        rooms = Rooms(*map(max, needs, rooms))


def around_of(spec: BacktestSpec, bars: Sequence[Bars], ts_us: NDArray[np.int64]) -> Around:
    """Where each symbol's sessions begin and end, and its dividends, on the clock of all; raises BacktestError."""
    import numpy as np

    opens, closes = np.zeros((2, ts_us.size, len(bars)))
    dividends = np.zeros((ts_us.size if spec.frictions.dividends else 0, len(bars)))
    for s, one in enumerate(bars):
        rows = np.searchsorted(ts_us, one.ts_us)
        if one.timeframe == "1d":
            opens[rows, s] = closes[rows, s] = 1.0
        else:
            turns = np.diff(one.ts_us // DAY_US) != 0
            opens[rows, s] = np.concatenate([[True], turns])
            closes[rows, s] = np.concatenate([turns, [False]])
        if spec.frictions.dividends:
            dividends[rows, s] = dividends_of(spec, one)
    return Around(opens, closes, dividends)


def pool_of(spec: BacktestSpec, instruments: Sequence[Frictions], rooms: Rooms) -> Pool:
    """A new account for a run on instruments (run_orders.frictions_of), in arrays; raises BacktestError."""
    import numpy as np

    limits, _ = spec.frictions.portfolio()
    reviewed = not spec.definition().places_orders
    lists = new_pool(spec.cash, instruments, limits, rooms, reviewed=reviewed)
    return Pool(*(np.array(part) for part in lists))


def _call(
    spec: BacktestSpec,
    bars: Sequence[Bars],
    columns: driver.Columns,
    around: Around,
    pool: Pool,
    curve: NDArray[np.float64],
    loop: Callable[..., None],
    *,
    interpreted: bool,
) -> None:
    """Call the loop with arrays, or with lists for CPython."""
    import numpy as np

    strategy, params = spec.definition(), tuple(spec.params.values())
    _, schedule = spec.frictions.portfolio()
    buffers: list[NDArray[Any]] = [
        np.array(params, dtype=np.float64),
        np.zeros(strategy.memory(params, len(bars))),
    ]
    if not interpreted:
        with naming_the_bar(spec.strategy, columns.ts_us, bars[0].timeframe, curve[driver.CURVE_EQUITY]):
            loop(columns, around, *buffers, pool, schedule, curve)
        return
    lists, rows = listed(pool), curve.tolist()
    with naming_the_bar(spec.strategy, columns.ts_us, bars[0].timeframe, rows[driver.CURVE_EQUITY]):
        loop(listed(columns), listed(around), *(b.tolist() for b in buffers), lists, schedule, rows)
    for array, values in zip((*pool, curve), (*lists, rows), strict=True):
        array[...] = values


def _outcome(ts_us: NDArray[np.int64], curve: NDArray[np.float64], pool: Pool, rooms: Rooms) -> Outcome:
    """The account's tables with what all desks and the account itself counted."""
    for column in (*(column for column, _ in COSTS.values()), ledger.AMBIGUOUS, ledger.REJECTED_COUNT):
        pool.account[column] += pool.ledgers[:, column].sum()
    return outcome_of(ts_us, curve, pool.account, rooms.layout())
