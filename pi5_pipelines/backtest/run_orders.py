"""A run through the loop of orders: its buffers laid out, the loop called, and what it wrote cut out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS
from pi5_pipelines.backtest.loop_orders import Inside
from pi5_pipelines.backtest.result import Outcome
from pi5_pipelines.backtest.strategy_failure import naming_the_bar
from pi5_pipelines.errors import BacktestError
from trading import ledger
from trading.frictions import options_row
from trading.order import empty_book
from trading.slippage import trail_size

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from trading.frictions import Frictions

FIRST_ROOM = 512  # rows at first, and so many more a bar; a run that makes more is run again with what it needs
FILLS_A_BAR, EVENTS_A_BAR = 0.125, 2

# What every part of the costs is called in a result, and where the ledger has it; a credit counts below zero.
COSTS = {
    "fees": (ledger.FEES, 1.0),
    "spread": (ledger.SPREAD, 1.0),
    "slippage": (ledger.SLIPPAGE, 1.0),
    "impact": (ledger.IMPACT, 1.0),
    "borrow": (ledger.BORROW, 1.0),
    "funding": (ledger.FUNDING, 1.0),
    "interest": (ledger.INTEREST, -1.0),
    "margin_interest": (ledger.DEBIT, 1.0),
    "dividends": (ledger.DIVIDENDS, -1.0),
}


def frictions_of(spec: BacktestSpec, bars: Bars, fine: Bars | None = None) -> Frictions:
    """The rulebook's form of a run's costs and frictions on one symbol; raises BacktestError."""
    frictions = spec.frictions.bundle(
        spec.rules(),
        bars.lot,
        bars.tick,
        daily=bars.timeframe == "1d",
        places_orders=spec.definition().trade is not None,
    )
    if frictions.latency_us > 0.0 and fine is None:
        raise BacktestError(
            "a delay in milliseconds needs finer bars",
            where=f"latency {spec.frictions.latency!r}",
            hint="give them to `pi5 backtest` with --fine-bars, or write the delay in bars",
        )
    return frictions


def run_orders(
    spec: BacktestSpec, bars: Bars, fine: Bars | None, loop: Callable[..., None], *, interpreted: bool
) -> Outcome:
    """Run one symbol through the loop of orders; `fine` are finer bars that decide within each bar."""
    frictions = frictions_of(spec, bars, fine)
    dividends = dividends_of(spec, bars)
    fills, events = FIRST_ROOM + int(FILLS_A_BAR * len(bars)), FIRST_ROOM + EVENTS_A_BAR * len(bars)
    while True:
        outcome = _call(spec, bars, inside_of(bars, fine), dividends, frictions, loop, (fills, events), interpreted)
        if outcome.fill_count <= fills and outcome.event_count <= events:
            return outcome
        fills, events = max(fills, outcome.fill_count), max(events, outcome.event_count)


def new_desk(cash: float, frictions: Frictions, fills: int, events: int) -> tuple[ledger.Desk, ledger.Layout]:
    """A desk with so much cash and nothing done yet, with room for so many fills and events, and its layout."""
    import numpy as np

    where = ledger.layout(trail_size(frictions.slippage), fills, events)
    head = ledger.ledger_head(cash, options_row(frictions), where)
    book = np.zeros(where.length)
    book[: len(head)] = head
    return ledger.Desk(np.array(empty_book()), book), where


def dividends_of(spec: BacktestSpec, bars: Bars) -> NDArray[np.float64]:
    """Dividends a share by bar, empty when the run does not count them; raises BacktestError when it cannot."""
    import numpy as np

    if not spec.frictions.dividends:
        return np.zeros(0)
    if bars.dividends is None:
        raise BacktestError(
            f"prices adjusted for {bars.input['adjust']!r} bring no dividends",
            where=f"symbol {bars.symbol}",
            hint="take them from the lake with --adjust splits",
        )
    return bars.dividends


def inside_of(bars: Bars, fine: Bars | None) -> Inside:
    """The finer bars of each bar; raises BacktestError for those of another symbol."""
    import numpy as np

    if fine is None:
        return Inside(np.zeros(0, np.int64), np.zeros(0, np.int64), *(np.zeros(0) for _ in COLUMNS))
    if len(fine) and (fine.ts_us[-1] < bars.ts_us[0] or fine.input["adjust"] != bars.input["adjust"]):
        raise BacktestError(
            "the finer bars end before the first bar, or are adjusted in another way",
            where=f"symbol {bars.symbol}",
            hint="take both from the same source",
        )
    ends = np.append(bars.ts_us[1:], np.iinfo(np.int64).max)
    first = np.searchsorted(fine.ts_us, bars.ts_us[:1])
    start = np.concatenate([first, np.searchsorted(fine.ts_us, ends)]).astype(np.int64)
    return Inside(start, fine.ts_us, *(getattr(fine, name) for name in COLUMNS))


def _call(
    spec: BacktestSpec,
    bars: Bars,
    inside: Inside,
    dividends: NDArray[np.float64],
    frictions: Frictions,
    loop: Callable[..., None],
    room: tuple[int, int],
    interpreted: bool,  # noqa: FBT001 - handed through
) -> Outcome:
    """Call the loop with arrays, or with lists for CPython."""
    import numpy as np

    strategy, params = spec.definition(), tuple(spec.params.values())
    desk, where = new_desk(spec.cash, frictions, *room)
    book = desk.ledger
    curve = np.full((driver.CURVE_ROWS, len(bars)), np.nan)
    columns = driver.Columns(bars.ts_us, *(getattr(bars, name) for name in COLUMNS))
    buffers: list[NDArray[Any]] = [np.array(params, dtype=np.float64), np.zeros(strategy.memory(params, 1))]
    if interpreted:
        listed = ledger.Desk(*(part.tolist() for part in desk))
        rows = curve.tolist()
        with naming_the_bar(spec.strategy, bars.ts_us, bars.timeframe, rows[driver.CURVE_EQUITY]):
            loop(_listed(columns), _listed(inside), dividends.tolist(), *(b.tolist() for b in buffers), listed, rows)
        book[...] = listed.ledger
        curve[...] = rows
    else:
        with naming_the_bar(spec.strategy, bars.ts_us, bars.timeframe, curve[driver.CURVE_EQUITY]):
            loop(columns, inside, dividends, *buffers, desk, curve)
    return _outcome(bars.ts_us, curve, book, where)


def _listed(columns: Any) -> Any:  # noqa: ANN401 - Columns or Inside, the same comes back
    return type(columns)(*(column.tolist() for column in columns))


def _outcome(
    ts_us: NDArray[np.int64], curve: NDArray[np.float64], book: NDArray[np.float64], where: ledger.Layout
) -> Outcome:
    fills = book[where.fills : where.events].reshape(where.fill_room, ledger.FILL_COLUMNS)
    events = book[where.events :].reshape(where.event_room, ledger.EVENT_COLUMNS)
    fill_count, event_count = int(book[ledger.FILL_COUNT]), int(book[ledger.EVENT_COUNT])
    return Outcome(
        ts_us,
        curve,
        fills[:fill_count].copy(),
        int(book[ledger.RUINED]),
        fill_count,
        events[:event_count].copy(),
        event_count,
        {name: float(book[column]) * sign + 0.0 for name, (column, sign) in COSTS.items()},
        {
            "ambiguous_bars": int(book[ledger.AMBIGUOUS]),
            "orders_rejected": int(book[ledger.REJECTED_COUNT]),
            "margin_calls": int(book[ledger.MARGIN_CALLS]),
        },
    )
