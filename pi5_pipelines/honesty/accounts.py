"""Equity curves and nothing else: the event loop called straight, for questions that take many runs.

A run through `run_backtest` also makes tables of fills and trades; where only returns are asked for, that would cost
more than the run itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS
from pi5_pipelines.backtest.compiled import compiled_loop
from pi5_pipelines.backtest.run import aligned, run_backtest
from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec


@dataclass(frozen=True, slots=True)
class Account:
    """What a run left: curve rows and fills as in driver, both cut to their length; valid until the next run."""

    curve: NDArray[np.float64]
    fills: NDArray[np.float64]
    ruined: bool

    @property
    def equity(self) -> NDArray[np.float64]:
        """Equity at each bar's close, shape (T,)."""
        equity: NDArray[np.float64] = self.curve[driver.CURVE_EQUITY]
        return equity

    def returns(self) -> NDArray[np.float64]:
        """Simple returns from each bar to the next, shape (T - 1,); nothing is earned on nothing."""
        import numpy as np

        before = self.equity[:-1]
        return np.divide(np.diff(self.equity), before, out=np.zeros(before.size), where=before > 0.0)

    def between(self, first: int, last: int) -> Account:
        """A copy of the bars from `first` (inclusive) to `last` (exclusive), fills counted from `first`."""
        bar = self.fills[:, driver.FILL_BAR]
        fills = self.fills[(bar >= first) & (bar < last)].copy()
        fills[:, driver.FILL_BAR] -= first
        return Account(self.curve[:, first:last].copy(), fills, self.ruined)


class Runner:
    """One spec on one series, run again and again with other parameters in the same buffers."""

    def __init__(self, spec: BacktestSpec, bars: Sequence[Bars]) -> None:
        import numpy as np

        self.spec = spec.checked()
        self.strategy = self.spec.definition()
        if not bars or (len(bars) > 1 and not self.strategy.many_symbols) or not all(len(one) for one in bars):
            raise BacktestError("there are no bars, or too many symbols", where=f"strategy {spec.strategy}")
        self.bars = bars
        self.symbols = len(bars)
        if self.strategy.many_symbols:
            self.columns = aligned(bars)
            self._lots: Any = np.array([one.lot for one in bars], dtype=np.float64)
        else:
            self.columns = driver.Columns(bars[0].ts_us, *(getattr(bars[0], name) for name in COLUMNS))
            self._lots = bars[0].lot
        self._curve = np.empty((driver.CURVE_ROWS, self.columns.ts_us.size))
        self._fills = np.empty((2 * self.columns.ts_us.size + 4, driver.FILL_COLUMNS))

    def run(self, params: Sequence[float]) -> Account:
        """The account of the strategy with these parameters, all of them in its order."""
        import numpy as np

        if self.places_orders:
            return self._placed(params)
        values = np.array(params, dtype=np.float64)
        return self.run_loop(compiled_loop(self.spec.strategy), values, self.strategy.memory(params, self.symbols))

    @property
    def places_orders(self) -> bool:
        """Whether the run goes through another event loop than that of plain targets."""
        return self.spec.by_orders()

    def _placed(self, params: Sequence[float]) -> Account:
        """The account of such a run, through `run_backtest`; its fills are left out."""
        names = [parameter.name for parameter in self.strategy.parameters]
        values = dict(zip(names, map(float, params), strict=True))
        result = run_backtest(msgspec.structs.replace(self.spec, params=values), self.bars)
        self._curve.fill(0.0)
        self._curve[driver.CURVE_EQUITY] = result.equity
        return Account(self._curve, self._fills[:0], bool(result.document["ruined"]))

    def run_loop(self, loop: Callable[..., None], params: NDArray[np.float64], memory: int) -> Account:
        """The account of any compiled event loop of the same kind; raises BacktestError when the strategy fails."""
        import numpy as np

        while True:
            account = np.array([self.spec.cash, 0.0, 0.0, -1.0])
            outputs = [self._curve, self._fills]
            self._curve.fill(np.nan)
            if self.strategy.many_symbols:
                outputs.append(np.zeros((driver.BOOK_ROWS, self.symbols)))
                outputs[-1][driver.BOOK_PENDING] = np.nan
            try:
                loop(self.columns, params, np.zeros(memory), account, self._lots, self.spec.rules(), *outputs)
            except (ArithmeticError, IndexError, ValueError) as error:
                raise BacktestError(
                    f"the strategy failed: {type(error).__name__}: {error}",
                    where=f"strategy {self.spec.strategy} with {params.tolist()}",
                    hint="`pi5 backtest --interpreted` with these parameters shows the line",
                ) from error
            count = int(account[driver.FILLS])
            if count <= len(self._fills):
                return Account(self._curve, self._fills[:count], bool(account[driver.RUINED] >= 0.0))
            self._fills = np.empty((count, driver.FILL_COLUMNS))
