"""The market a trade was entered in: thirds of trend and of volatility, known from trailing bars only.

A bar's trend is the return of the last `TREND_BARS` bars, its volatility the standard deviation of the last
`VOLATILITY_BARS` returns; its third tells where that lies among the values of the last `MEMORY_BARS` bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TREND_BARS: Final = 63
VOLATILITY_BARS: Final = 21
MEMORY_BARS: Final = 252
UNKNOWN: Final = -1
TRENDS: Final = ("weakest third", "middle third", "strongest third")
VOLATILITIES: Final = ("calmest third", "middle third", "wildest third")


def trend(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return of the last `TREND_BARS` bars at every bar, shape (T,), NaN while there are fewer."""
    import numpy as np

    out = np.full(close.size, np.nan)
    out[TREND_BARS:] = close[TREND_BARS:] / close[:-TREND_BARS] - 1.0
    return out


def volatility(close: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation (ddof 1) of the last `VOLATILITY_BARS` returns, shape (T,), NaN while there are fewer."""
    import numpy as np

    out = np.full(close.size, np.nan)
    if close.size > VOLATILITY_BARS:
        steps = close[1:] / close[:-1] - 1.0
        windows = np.lib.stride_tricks.sliding_window_view(steps, VOLATILITY_BARS)
        out[VOLATILITY_BARS:] = windows.std(axis=1, ddof=1)
    return out


def thirds(values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The third (0, 1 or 2) in which the value of each bar of `at` lies among the last `MEMORY_BARS`, its own included.

    `UNKNOWN` for bars with fewer known values behind them, and for bars before the first.
    """
    import numpy as np

    out = np.full(at.size, UNKNOWN, dtype=np.int64)
    first = int(np.argmax(np.isfinite(values))) if np.isfinite(values).any() else values.size
    ready = at >= first + MEMORY_BARS - 1
    if ready.any():
        windows = np.lib.stride_tricks.sliding_window_view(values, MEMORY_BARS)[at[ready] - MEMORY_BARS + 1]
        below = (windows < windows[:, -1:]).mean(axis=1)
        out[ready] = np.minimum((below * 3.0).astype(np.int64), 2)
    return out
