"""One backtest: a checked spec and bars in, a result out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS
from pi5_pipelines.backtest.clock import aligned
from pi5_pipelines.backtest.compiled import (
    compiled_loop,
    compiled_orders_loop,
    compiled_pool_loop,
    compiled_portfolio_loop,
    interpreted_loop,
    interpreted_orders_loop,
    interpreted_pool_loop,
    interpreted_portfolio_loop,
)
from pi5_pipelines.backtest.result import BacktestResult, Outcome, build
from pi5_pipelines.backtest.run_orders import run_orders
from pi5_pipelines.backtest.run_pool import run_pool
from pi5_pipelines.backtest.strategy_failure import naming_the_bar
from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec, Loop

__all__ = ["aligned", "run_backtest"]


def run_backtest(
    spec: BacktestSpec, bars: Sequence[Bars], *, interpreted: bool = False, fine: Bars | None = None
) -> BacktestResult:
    """Run a spec on one symbol's bars, or on several for a strategy over many symbols.

    `fine` are shorter bars of the same symbol that decide what happens within each bar, where orders are traded.
    `interpreted` uses CPython instead of compiled code, with the same result to the bit, some hundred times slower.
    Raises BacktestError when the strategy fails, and what BacktestSpec.checked raises.
    """
    spec = spec.checked()
    strategy = spec.definition()
    if not bars or (len(bars) > 1 and not strategy.many_symbols):
        raise BacktestError(
            f"got {len(bars)} symbols", where=f"strategy {spec.strategy}", hint="it trades one symbol a run"
        )
    if not all(len(one) for one in bars):
        empty = ", ".join(one.symbol for one in bars if not len(one))
        raise BacktestError(
            "there are no bars", where=f"symbol {empty}", hint="leave it out, or fetch its prices first"
        )
    if fine is not None and strategy.many_symbols:
        raise BacktestError(
            "finer bars decide for one symbol a run", where=f"strategy {spec.strategy}", hint="leave them out"
        )
    kind: Loop = "orders" if fine is not None else spec.loop()
    loop = _loop(spec, kind, interpreted=interpreted)
    if kind == "pool":
        return build(spec, bars, run_pool(spec, bars, loop, interpreted=interpreted))
    if kind == "orders":
        return build(spec, bars, run_orders(spec, bars[0], fine, loop, interpreted=interpreted), fine)
    if strategy.many_symbols:
        outcome = _many(spec, bars, loop, interpreted=interpreted)
    else:
        outcome = _one(spec, bars[0], loop, interpreted=interpreted)
    return build(spec, bars, outcome)


def _loop(spec: BacktestSpec, kind: Loop, *, interpreted: bool) -> Callable[..., None]:
    """The event loop of that kind, compiled or as CPython runs it."""
    plain, compiled = {
        "plain": (interpreted_loop, compiled_loop),
        "portfolio": (interpreted_portfolio_loop, compiled_portfolio_loop),
        "orders": (interpreted_orders_loop, compiled_orders_loop),
        "pool": (interpreted_pool_loop, compiled_pool_loop),
    }[kind]
    return plain(spec.definition()) if interpreted else compiled(spec.strategy)


def _options(spec: BacktestSpec) -> tuple[Any, ...]:
    """What a loop of targets takes of the run's options."""
    if spec.frictions.any():
        return spec.rules(), *spec.frictions.portfolio()
    return (spec.rules(),)


def _one(spec: BacktestSpec, bars: Bars, loop: Callable[..., None], *, interpreted: bool) -> Outcome:
    columns = driver.Columns(bars.ts_us, *(getattr(bars, name) for name in COLUMNS))
    return _call(spec, columns, 1, 2 * len(bars) + 4, bars.lot, loop, bars.timeframe, interpreted=interpreted)


def _many(spec: BacktestSpec, bars: Sequence[Bars], loop: Callable[..., None], *, interpreted: bool) -> Outcome:
    import numpy as np

    columns = aligned(bars)
    lots = np.array([one.lot for one in bars], dtype=np.float64)
    room = 1_024 + 2 * len(bars)
    while True:
        outcome = _call(spec, columns, len(bars), room, lots, loop, bars[0].timeframe, interpreted=interpreted)
        if outcome.fill_count <= room:
            return outcome
        room = outcome.fill_count


def _call(
    spec: BacktestSpec,
    columns: driver.Columns,
    symbols: int,
    room: int,
    lot: float | NDArray[np.float64],
    loop: Callable[..., None],
    timeframe: str,
    *,
    interpreted: bool,
) -> Outcome:
    """Call the loop with arrays, or with lists for CPython, whose own floats raise errors where numpy's only warn."""
    import numpy as np

    strategy, params = spec.definition(), tuple(spec.params.values())
    account = np.array([spec.cash, 0.0, 0.0, -1.0])
    curve = np.full((driver.CURVE_ROWS, columns.ts_us.size), np.nan)
    fills = np.zeros((room, driver.FILL_COLUMNS))
    buffers = [np.array(params, dtype=np.float64), np.zeros(strategy.memory(params, symbols)), account]
    outputs = [curve, fills]
    if strategy.many_symbols:
        outputs.append(np.zeros((driver.BOOK_ROWS, symbols)))
        outputs[-1][driver.BOOK_PENDING] = np.nan
    if interpreted:
        _interpret(loop, columns, buffers, lot, spec, outputs, timeframe)
    else:
        with naming_the_bar(spec.strategy, columns.ts_us, timeframe, curve[driver.CURVE_EQUITY]):
            loop(columns, *buffers, lot, *_options(spec), *outputs)
    count = int(account[driver.FILLS])
    return Outcome(columns.ts_us, curve, fills[:count], int(account[driver.RUINED]), count)


def _interpret(
    loop: Callable[..., None],
    columns: driver.Columns,
    buffers: Sequence[NDArray[Any]],
    lot: float | NDArray[np.float64],
    spec: BacktestSpec,
    outputs: Sequence[NDArray[Any]],
    timeframe: str,
) -> None:
    import numpy as np

    arrays = [*buffers, *outputs]
    lists = [array.tolist() for array in arrays]
    plain = driver.Columns(*(column.tolist() for column in columns))
    lots = lot.tolist() if isinstance(lot, np.ndarray) else lot
    equity = lists[len(buffers)][driver.CURVE_EQUITY]
    with naming_the_bar(spec.strategy, columns.ts_us, timeframe, equity):
        loop(plain, *lists[: len(buffers)], lots, *_options(spec), *lists[len(buffers) :])
    for array, values in zip(arrays, lists, strict=True):
        array[...] = values
