"""How much of the account was at work: gross exposure at every bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars


def gross_exposure(
    bars: Sequence[Bars],
    ts_us: NDArray[np.int64],
    equity: NDArray[np.float64],
    fills: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Sum of the positions' absolute values at their last closes over equity, shape (T,); 0 where equity is gone.

    `fills` are each fill's bar (an index of `ts_us`), its symbol (an index of `bars`) and its signed quantity.
    """
    import numpy as np

    at, of_symbol, quantity = fills
    held = np.zeros(ts_us.size)
    for s, one in enumerate(bars):
        mine = of_symbol == s
        position = np.cumsum(np.bincount(at[mine], weights=quantity[mine], minlength=ts_us.size))
        last = np.searchsorted(one.ts_us, ts_us, side="right") - 1
        held += np.abs(position) * np.where(last < 0, 0.0, one.close[np.maximum(last, 0)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(equity > 0.0, held / equity, 0.0)
