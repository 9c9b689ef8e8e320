"""Equity curves and nothing else: the event loop called straight, for questions that take many runs.

A run through `run_backtest` also makes tables of fills and trades; where only returns are asked for, that would cost
more than the run itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS
from pi5_pipelines.backtest.clock import aligned
from pi5_pipelines.backtest.compiled import (
    compiled_loop,
    compiled_orders_loop,
    compiled_pool_loop,
    compiled_portfolio_loop,
)
from pi5_pipelines.backtest.run_orders import dividends_of, frictions_of, inside_of, new_desk
from pi5_pipelines.backtest.run_pool import DESK_ROOM, around_of, pool_of
from pi5_pipelines.errors import BacktestError
from trading import ledger
from trading.pool import Rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from trading.frictions import Frictions

COMPILED = {
    "plain": compiled_loop,
    "orders": compiled_orders_loop,
    "portfolio": compiled_portfolio_loop,
    "pool": compiled_pool_loop,
}


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
    """One spec on one series, run again and again with other parameters in the same buffers.

    `change` makes other frictions of those of the spec, where the run goes through orders or a pooled account.
    """

    def __init__(
        self, spec: BacktestSpec, bars: Sequence[Bars], change: Callable[[Frictions], Frictions] | None = None
    ) -> None:
        import numpy as np

        self.spec = spec.checked()
        self.strategy = self.spec.definition()
        if not bars or (len(bars) > 1 and not self.strategy.many_symbols) or not all(len(one) for one in bars):
            raise BacktestError("there are no bars, or too many symbols", where=f"strategy {spec.strategy}")
        self.bars = bars
        self.symbols = len(bars)
        self.loop = self.spec.loop()
        if self.strategy.many_symbols:
            self.columns = aligned(bars)
            self._lots: Any = np.array([one.lot for one in bars], dtype=np.float64)
        else:
            self.columns = driver.Columns(bars[0].ts_us, *(getattr(bars[0], name) for name in COLUMNS))
            self._lots = bars[0].lot
        if self.loop in {"orders", "pool"}:
            found = [frictions_of(self.spec, one) for one in bars]
            self._frictions = [change(one) for one in found] if change else found
        if self.loop == "orders":
            self._beside = inside_of(bars[0], None), dividends_of(self.spec, bars[0])
        if self.loop == "pool":
            self._around = around_of(self.spec, bars, self.columns.ts_us)
        self._curve = np.empty((driver.CURVE_ROWS, self.columns.ts_us.size))
        self._fills = np.empty((2 * self.columns.ts_us.size + 4, driver.FILL_COLUMNS))

    def run(self, params: Sequence[float]) -> Account:
        """The account of the strategy with these parameters, all of them in its order."""
        import numpy as np

        values = np.array(params, dtype=np.float64)
        return self.run_loop(
            COMPILED[self.loop](self.spec.strategy), values, self.strategy.memory(params, self.symbols)
        )

    def run_loop(self, loop: Callable[..., None], params: NDArray[np.float64], memory: int) -> Account:
        """The account of any compiled event loop of the same kind; raises BacktestError when the strategy fails."""
        try:
            kinds = {"orders": self._through_orders, "pool": self._through_pool}
            return kinds.get(self.loop, self._through_targets)(loop, params, memory)
        except (ArithmeticError, IndexError, ValueError) as error:
            raise BacktestError(
                f"the strategy failed: {type(error).__name__}: {error}",
                where=f"strategy {self.spec.strategy} with {params.tolist()}",
                hint="`pi5 backtest --interpreted` with these parameters shows the line",
            ) from error

    def _through_targets(self, loop: Callable[..., None], params: NDArray[np.float64], memory: int) -> Account:
        import numpy as np

        options = (self.spec.rules(), *(self.spec.frictions.portfolio() if self.loop == "portfolio" else ()))
        while True:
            account = np.array([self.spec.cash, 0.0, 0.0, -1.0])
            outputs = [self._curve, self._fills]
            self._curve.fill(np.nan)
            if self.strategy.many_symbols:
                outputs.append(np.zeros((driver.BOOK_ROWS, self.symbols)))
                outputs[-1][driver.BOOK_PENDING] = np.nan
            loop(self.columns, params, np.zeros(memory), account, self._lots, *options, *outputs)
            count = int(account[driver.FILLS])
            if count <= len(self._fills):
                return Account(self._curve, self._fills[:count], bool(account[driver.RUINED] >= 0.0))
            self._fills = np.empty((count, driver.FILL_COLUMNS))

    def _through_orders(self, loop: Callable[..., None], params: NDArray[np.float64], memory: int) -> Account:
        import numpy as np

        room = len(self._fills)
        while True:
            desk, where = new_desk(self.spec.cash, self._frictions[0], room, 0)
            loop(self.columns, *self._beside, params, np.zeros(memory), desk, self._curve)
            count = int(desk.ledger[ledger.FILL_COUNT])
            if count <= room:
                fills = desk.ledger[where.fills : where.events].reshape(room, ledger.FILL_COLUMNS)[:count]
                return Account(self._curve, fills, bool(desk.ledger[ledger.RUINED] >= 0.0))
            room = count

    def _through_pool(self, loop: Callable[..., None], params: NDArray[np.float64], memory: int) -> Account:
        import numpy as np

        rooms = Rooms(len(self._fills), 0, DESK_ROOM, 0)
        _, schedule = self.spec.frictions.portfolio()
        while True:
            pool = pool_of(self.spec, self._frictions, rooms)
            loop(self.columns, self._around, params, np.zeros(memory), pool, schedule, self._curve)
            needs = rooms._replace(
                fills=max(rooms.fills, int(pool.account[ledger.FILL_COUNT])),
                desk_fills=max(rooms.desk_fills, int(pool.account[ledger.WANTED_FILLS])),
            )
            if needs == rooms:
                where, count = rooms.layout(), int(pool.account[ledger.FILL_COUNT])
                fills = pool.account[where.fills : where.events].reshape(rooms.fills, ledger.FILL_COLUMNS)[:count]
                return Account(self._curve, fills, bool(pool.account[ledger.RUINED] >= 0.0))
            rooms = needs
