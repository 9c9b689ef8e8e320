"""One thread's share of a sweep: its buffers, and a stretch of combinations run in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS
from pi5_pipelines.backtest.run import aligned
from pi5_pipelines.sweep.block import DONE, MARK_AT, MARK_DESK_ROOM, MARK_ROOM, MARK_SIZE, NEEDS_STATE
from pi5_pipelines.sweep.kernel import compiled_block
from pi5_pipelines.sweep.tally import FIGURES, MOMENTS, TALLY_SIZE, TRADE_ROWS
from pi5_pipelines.sweep.terms import Terms, terms_of
from trading.timeframe import periods_per_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec

    Table = NDArray[np.float64]
    Flags = NDArray[np.bool_]

FIRST_FILLS = 1_024
FIRST_DESK_FILLS = 4  # of one symbol at one moment
FIRST_STATE = 1_024
NUMBER = 8  # bytes


@dataclass(frozen=True, slots=True)
class Market:
    """The bars of one leg and the rules on them, in the form that the block takes."""

    block: Callable[..., int]
    columns: driver.Columns
    lots: NDArray[np.float64]
    last_close: NDArray[np.float64]
    periods: float
    cash: float
    terms: Terms

    @property
    def bars(self) -> int:
        """How many moments there are."""
        return int(self.columns.ts_us.size)

    @property
    def lane_bytes(self) -> int:
        """What the buffers of a lane take at first."""
        fills = self.terms.fill_numbers(FIRST_FILLS, FIRST_DESK_FILLS)
        return curve_bytes(self.bars) + NUMBER * (FIRST_STATE + fills) + self.terms.fixed_bytes

    @classmethod
    def of(cls, spec: BacktestSpec, bars: Sequence[Bars]) -> Market:
        """The market of a spec on one symbol's bars, or on several for a strategy over many symbols.

        Raises BacktestError for frictions that do not go with the bars.
        """
        import numpy as np

        terms = terms_of(spec, bars)
        if spec.definition().many_symbols:
            columns = aligned(bars)
        else:
            columns = driver.Columns(bars[0].ts_us, *(getattr(bars[0], name) for name in COLUMNS))
        return cls(
            block=compiled_block(spec.strategy, spec.loop()),
            columns=columns,
            lots=np.array([one.lot for one in bars], dtype=np.float64),
            last_close=np.array([one.close[-1] for one in bars], dtype=np.float64),
            periods=periods_per_year(bars[0].timeframe, bars[0].calendar),
            cash=float(spec.cash),
            terms=terms,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What a stretch of N combinations gave: a row of figures each, whether ruined, and errors by row."""

    values: NDArray[np.float64]
    ruined: NDArray[np.bool_]
    errors: dict[int, str]

    @classmethod
    def empty(cls, rows: int) -> Figures:
        """Room for so many."""
        import numpy as np

        return cls(np.full((rows, len(FIGURES)), np.nan), np.zeros(rows, dtype=bool), {})


class Lane:
    """Buffers for one combination at a time on a market; `mark` shows which one runs now.

    `room` is the most bytes that its state and its fills may take: a combination that wants more becomes an error.
    """

    def __init__(self, market: Market, room: int) -> None:
        import numpy as np

        self._market = market
        self._room = room
        symbols = market.lots.size
        self._state = np.zeros(FIRST_STATE)
        self._account = np.zeros(4)
        self._curve = np.zeros((driver.CURVE_ROWS, market.bars))
        self._desk_fills = FIRST_DESK_FILLS
        self._book, self._fills = market.terms.books(min(FIRST_FILLS, 2 * market.bars + 4), FIRST_DESK_FILLS)
        self._trades = np.zeros((symbols, TRADE_ROWS))
        self._totals = np.zeros(TALLY_SIZE)
        self.mark = np.zeros(MARK_SIZE, dtype=np.int64)

    @property
    def bars(self) -> int:
        """The moments of its market."""
        return self._market.bars

    @property
    def periods(self) -> float:
        """Bars in a year."""
        return self._market.periods

    @property
    def equity(self) -> NDArray[np.float64]:
        """The equity curve of the combination that ran last."""
        curve: NDArray[np.float64] = self._curve[driver.CURVE_EQUITY]
        return curve

    def warm_up(self, parameters: int) -> None:
        """Have the block compiled, or fetched from disk, by running no combination."""
        import numpy as np

        into = Figures.empty(0)
        self._call(np.zeros((0, parameters)), into.values, np.zeros((0, MOMENTS)), into.ruined)

    def run(
        self,
        params: NDArray[np.float64],
        into: Figures,
        known_errors: Mapping[int, str],
        at: int = 0,
        moments: NDArray[np.float64] | None = None,
    ) -> None:
        """Run rows of parameters, shape (N, P); figures go into rows `at` and following of `into`.

        A row in `known_errors` (counted from `at`) is not run again. What a strategy raises becomes its row's error.
        """
        import numpy as np

        if moments is None:
            moments = np.zeros((len(params), MOMENTS))
        values, ruined = into.values[at : at + len(params)], into.ruined[at : at + len(params)]
        self.mark[MARK_AT] = 0
        stops = [*sorted(known_errors), len(params)]
        for stop in stops:
            self._stretch(params[:stop], values, moments, ruined, into.errors, at)
            if stop < len(params):
                into.errors[at + stop] = known_errors[stop]
                self.mark[MARK_AT] = stop + 1
        for row in np.flatnonzero(~np.isfinite(values[:, 0])).tolist():
            into.errors.setdefault(at + row, "equity is no finite number: the targets or the prices are absurd")
        for row in into.errors:
            if at <= row < at + len(params):
                values[row - at] = math.nan
                ruined[row - at] = False

    def _stretch(
        self, params: NDArray[np.float64], values: Table, moments: Table, ruined: Flags, errors: dict[int, str], at: int
    ) -> None:
        while self.mark[MARK_AT] < len(params):
            try:
                code = self._call(params, values, moments, ruined)
                problem = "" if code == DONE else self._grow(code)
            except MemoryError:
                problem = "MemoryError: its state does not fit into memory"
            except Exception as error:  # noqa: BLE001 - whatever a strategy raises is its own row's
                problem = f"{type(error).__name__}: {error}"
            if problem:
                errors[at + int(self.mark[MARK_AT])] = problem
                self.mark[MARK_AT] += 1

    def _call(self, params: NDArray[np.float64], values: Table, moments: Table, ruined: Flags) -> int:
        market = self._market
        return market.block(
            market.columns,
            params,
            market.cash,
            market.lots,
            market.terms.rules,
            market.periods,
            market.last_close,
            self._state,
            self._account,
            self._curve,
            self._fills,
            self._book,
            self._trades,
            self._totals,
            values,
            moments,
            ruined,
            self.mark,
        )

    def _grow(self, code: int) -> str:
        """Make room for the combination at the mark; answers why that cannot be."""
        import numpy as np

        wanted = int(self.mark[MARK_ROOM])
        state = wanted if code == NEEDS_STATE else self._state.size
        fills = len(self._fills) if code == NEEDS_STATE else wanted
        desk_fills = self._desk_fills if code == NEEDS_STATE else max(FIRST_DESK_FILLS, int(self.mark[MARK_DESK_ROOM]))
        needed = NUMBER * (state + self._market.terms.fill_numbers(fills, desk_fills))
        if needed > self._room:
            what = "state" if code == NEEDS_STATE else "orders"
            return f"its {what} would take {needed / 1e6:,.1f} MB, more than --max-memory leaves"
        if code == NEEDS_STATE:
            self._state = np.zeros(state)
        else:
            self._desk_fills = desk_fills
            self._book, self._fills = self._market.terms.books(fills, desk_fills)
        return ""


def curve_bytes(bars: int) -> int:
    """What one lane's curve takes."""
    return NUMBER * driver.CURVE_ROWS * bars
