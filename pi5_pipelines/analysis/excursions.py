"""How far prices went against a trade and for it while it was held (J. Sweeney, "Maximum Adverse Excursion", 1996).

Only prices that certainly fell within the trade count. With fills at the open these are the whole bars from the entry
to the one before the exit, with fills at the close those after the entry up to the exit, with fills anywhere within a
bar those after the entry and before the exit; the entry and exit prices count in any case. A trade that is still open
counts up to the last bar.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars

Timing = Literal["open", "close", "within"]  # where in a bar fills happened
RANGE_BARS: Final = 20  # bars of the average true range


def excursions(trades: pl.DataFrame, bars: Sequence[Bars], *, timing: Timing) -> pl.DataFrame:
    """One row a trade, in the order of `trades`: mae_pct (0 or less), mfe_pct (0 or more), atr_pct.

    `atr_pct` is the average true range of the bars that ended before the entry, as a percentage of the entry price;
    NaN while there are fewer than `RANGE_BARS`.
    """
    import numpy as np
    import polars as pl

    found = np.full((3, trades.height), np.nan)
    of_trade = trades["symbol"].to_numpy()
    columns = _Columns(trades)
    for one in bars:
        rows = np.flatnonzero(of_trade == one.symbol)
        if rows.size:
            found[:, rows] = _of_symbol(one, columns, rows, timing=timing)
    return pl.DataFrame({"mae_pct": found[0], "mfe_pct": found[1], "atr_pct": found[2]})


class _Columns:
    """The columns of trades that the extremes need, as arrays."""

    def __init__(self, trades: pl.DataFrame) -> None:
        import numpy as np
        import polars as pl

        self.entry_us = trades["entry_ts"].cast(pl.Int64).to_numpy()
        self.exit_us = trades["exit_ts"].cast(pl.Int64).to_numpy()
        self.entry = trades["entry_price"].to_numpy()
        self.exit = trades["exit_price"].to_numpy()
        self.long = (trades["side"] == "long").to_numpy().astype(np.bool_)
        self.closed = trades["closed"].to_numpy().astype(np.bool_)


def _of_symbol(
    bars: Bars, trades: _Columns, rows: NDArray[np.int64], *, timing: Timing
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    entered = np.searchsorted(bars.ts_us, trades.entry_us[rows])
    left = np.searchsorted(bars.ts_us, trades.exit_us[rows])
    entry, gone, closed = trades.entry[rows], trades.exit[rows], trades.closed[rows]
    first = entered if timing == "open" else entered + 1
    past = np.where(closed & (timing != "close"), left, left + 1)
    low = np.minimum(extreme(np.minimum, bars.low, first, past, math.inf), np.minimum(entry, gone))
    high = np.maximum(extreme(np.maximum, bars.high, first, past, -math.inf), np.maximum(entry, gone))
    long = trades.long[rows]
    adverse = np.where(long, low / entry - 1.0, 1.0 - high / entry)
    favourable = np.where(long, high / entry - 1.0, 1.0 - low / entry)
    known = entered + 1 if timing == "close" else entered  # bars that ended before the entry, or with it
    ranges = np.append(np.nan, average_true_range(bars))[np.minimum(known, len(bars))]
    return adverse * 100.0, favourable * 100.0, ranges / entry * 100.0


def extreme(
    function: np.ufunc,
    values: NDArray[np.float64],
    first: NDArray[np.int64],
    past: NDArray[np.int64],
    nothing: float,
) -> NDArray[np.float64]:
    """The minimum or maximum of `values[first:past]` for every pair, `nothing` for an empty one."""
    import numpy as np

    edges = np.empty(2 * first.size, dtype=np.int64)
    edges[0::2], edges[1::2] = np.minimum(first, values.size), np.minimum(past, values.size)
    found: NDArray[np.float64] = function.reduceat(np.append(values, nothing), edges)[0::2]
    return np.where(first < past, found, nothing)


def average_true_range(bars: Bars) -> NDArray[np.float64]:
    """Mean true range of the last `RANGE_BARS` bars at every bar, shape (T,), NaN while there are fewer.

    True ranges are W. Wilder's (1978), the mean is a plain one; the first bar's range is its high less its low.
    """
    import numpy as np

    before = np.append(bars.close[:1], bars.close[:-1])
    before[0] = np.clip(before[0], bars.low[0], bars.high[0])
    true_range = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    out = np.full(len(bars), np.nan)
    if len(bars) >= RANGE_BARS:
        total = np.cumsum(true_range)
        out[RANGE_BARS - 1 :] = (total[RANGE_BARS - 1 :] - np.append(0.0, total[:-RANGE_BARS])) / RANGE_BARS
    return out


def excursion_metrics(found: pl.DataFrame) -> dict[str, float]:
    """Mean excursions and the edge ratio (C. Faith, "Way of the Turtle", 2007) of `excursions`' table.

    Trades without an average true range at their entry are left out of the ratio.
    """
    import numpy as np

    mae, mfe, span = (found[name].to_numpy() for name in ("mae_pct", "mfe_pct", "atr_pct"))
    if mae.size == 0:
        return dict.fromkeys(("avg_mae_pct", "avg_mfe_pct", "edge_ratio"), math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = span > 0.0
        against, towards = -mae[known] / span[known], mfe[known] / span[known]
    lost = float(against.sum())
    return {
        "avg_mae_pct": float(mae.mean()),
        "avg_mfe_pct": float(mfe.mean()),
        "edge_ratio": float(towards.sum()) / lost if lost > 0.0 else math.nan,
    }
