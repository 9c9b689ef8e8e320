"""What a block takes besides bars and parameters: the run's rules, and the books that each lane keeps them in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.clock import aligned
from pi5_pipelines.backtest.run_orders import dividends_of, frictions_of, inside_of, new_desk
from pi5_pipelines.backtest.run_pool import around_of, pool_of
from pi5_pipelines.sweep.block_orders import OrderBooks, OrderTerms
from pi5_pipelines.sweep.block_pool import PoolBooks, PoolTerms
from pi5_pipelines.sweep.block_portfolio import PortfolioTerms
from trading import ledger
from trading.order import BOOK_LENGTH
from trading.pool import BOARD_ROWS, Rooms
from trading.slippage import trail_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from trading.frictions import Frictions
    from trading.rules import Rules


@dataclass(frozen=True, slots=True)
class Terms:
    """`rules` as the block takes them; `books` makes a lane's book and its table of so many fills.

    `books` is also told how many fills one of its `desks` (0: there are none) may write at a moment. `fixed_bytes` is
    what the books take besides the fills, `fill_columns` how many numbers a fill has.
    """

    rules: Rules | OrderTerms | PortfolioTerms | PoolTerms
    books: Callable[[int, int], tuple[Any, NDArray[np.float64]]]
    fixed_bytes: int
    fill_columns: int
    desks: int = 0

    def fill_numbers(self, fills: int, desk_fills: int) -> int:
        """How many numbers the tables of fills take."""
        return self.fill_columns * (fills + self.desks * desk_fills)


def terms_of(spec: BacktestSpec, bars: Sequence[Bars]) -> Terms:
    """The terms of a spec on its bars; raises BacktestError for frictions that the instrument cannot have."""
    loop = spec.loop()
    if loop == "pool":
        return _pool_terms(spec, bars)
    if loop == "orders":
        frictions = frictions_of(spec, bars[0])
        books = partial(_order_books, float(spec.cash), frictions)
        rules = OrderTerms(inside_of(bars[0], None), dividends_of(spec, bars[0]))
        numbers = BOOK_LENGTH + ledger.layout(trail_size(frictions.slippage), 0, 0).length
        return Terms(rules, books, 2 * 8 * numbers, ledger.FILL_COLUMNS)
    plain = partial(_plain_books, len(bars)), 8 * driver.BOOK_ROWS * len(bars), driver.FILL_COLUMNS
    if loop == "portfolio":
        return Terms(PortfolioTerms(spec.rules(), *spec.frictions.portfolio()), *plain)
    return Terms(spec.rules(), *plain)


def _plain_books(symbols: int, fills: int, _desk_fills: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    return np.zeros((driver.BOOK_ROWS, symbols)), np.zeros((fills, driver.FILL_COLUMNS))


def _order_books(
    cash: float, frictions: Frictions, fills: int, _desk_fills: int
) -> tuple[OrderBooks, NDArray[np.float64]]:
    desk, where = new_desk(cash, frictions, fills, 0)
    table = desk.ledger[where.fills : where.events].reshape(fills, ledger.FILL_COLUMNS)
    return OrderBooks(desk, desk.orders.copy(), desk.ledger[: where.fills].copy()), table


def _pool_terms(spec: BacktestSpec, bars: Sequence[Bars]) -> Terms:
    instruments = [frictions_of(spec, one) for one in bars]
    _, schedule = spec.frictions.portfolio()
    desk = BOOK_LENGTH + ledger.layout(trail_size(instruments[0].slippage), 0, 0).length + BOARD_ROWS
    numbers = len(bars) * desk + ledger.layout(0, 0, 0).length
    return Terms(
        PoolTerms(around_of(spec, bars, aligned(bars).ts_us), schedule),
        partial(_pool_books, spec, instruments),
        2 * 8 * numbers,
        ledger.FILL_COLUMNS,
        len(bars),
    )


def _pool_books(
    spec: BacktestSpec, instruments: Sequence[Frictions], fills: int, desk_fills: int
) -> tuple[PoolBooks, NDArray[np.float64]]:
    rooms = Rooms(fills, 0, desk_fills, 0)
    pool, where = pool_of(spec, instruments, rooms), rooms.layout()
    begins = ledger.layout(trail_size(instruments[0].slippage), desk_fills, 0).fills
    before = pool.orders.copy(), pool.ledgers[:, :begins].copy(), pool.account[: where.fills].copy(), pool.board.copy()
    table = pool.account[where.fills : where.events].reshape(fills, ledger.FILL_COLUMNS)
    return PoolBooks(pool, *before, desk_fills), table
