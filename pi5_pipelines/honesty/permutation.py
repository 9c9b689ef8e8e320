"""Would the strategy do as well where there is nothing to find? The same bars in another order tell.

T. Masters, Permutation and Randomization Tests for Trading System Development (2020), chapter 3: a bar is taken apart
into the gap from the close before and its own high, low and close over its open, all as logarithms; gaps and insides
are shuffled apart, and the bars are put together again. Every bar is a possible bar, the first and the last price and
the distribution stay, and only the order, which is all that a timing rule can know, is gone.

D. Aronson, Evidence-Based Technical Analysis (2006), chapter 5: positions are held against shuffled market returns,
which costs next to nothing and needs no second run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars

CHUNK_VALUES = 1 << 20
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Permutation:
    """The figure as it was, and what it was on shuffled series; `p_value` is how often chance did as well."""

    observed: float
    shuffled: NDArray[np.float64]

    @property
    def p_value(self) -> float:
        """(k + 1) / (n + 1), k of n shuffled figures being at least the observed: the observed order counts as one.

        B. Phipson, G. K. Smyth, "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics and
        Molecular Biology 9 (2010).
        """
        return float(((self.shuffled >= self.observed).sum() + 1) / (self.shuffled.size + 1))


def permuted(bars: Sequence[Bars], seed: int) -> list[Bars]:
    """The bars in another order; symbols that share a clock are shuffled alike, so that they still move together.

    Raises BacktestError for fewer than ten bars.
    """
    import numpy as np

    together = all(np.array_equal(bars[0].ts_us, one.ts_us) for one in bars)
    generator = np.random.Generator(np.random.PCG64(seed))
    made = []
    orders: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    for one in bars:
        if len(one) < FEWEST:
            raise BacktestError(f"{len(one)} bars are too few", where=f"permutation of {one.symbol}")
        if orders is None or not together:
            orders = generator.permutation(len(one) - 1), generator.permutation(len(one) - 1)
        made.append(_reordered(one, *orders))
    return made


def _reordered(bars: Bars, gaps: NDArray[np.int64], insides: NDArray[np.int64]) -> Bars:
    """The bars with their gaps and insides in these orders; the first bar stays."""
    import numpy as np

    open_, high, low, close = (np.log(getattr(bars, name)) for name in ("open", "high", "low", "close"))
    gap = (open_[1:] - close[:-1])[gaps]
    body = (close - open_)[1:][insides]
    ends = close[0] + np.cumsum(gap + body)
    begins = ends - body
    columns: dict[str, Any] = {
        "open": np.concatenate([bars.open[:1], np.exp(begins)]),
        "high": np.concatenate([bars.high[:1], np.exp(begins + (high - open_)[1:][insides])]),
        "low": np.concatenate([bars.low[:1], np.exp(begins + (low - open_)[1:][insides])]),
        "close": np.concatenate([bars.close[:1], np.exp(ends)]),
        "volume": np.concatenate([bars.volume[:1], bars.volume[1:][insides]]),
    }
    # Rounding may set a close a hair above its high: a bar that was possible stays so.
    columns["high"] = np.maximum.reduce([columns["high"], columns["open"], columns["close"]])
    columns["low"] = np.minimum.reduce([columns["low"], columns["open"], columns["close"]])
    return replace(bars, **columns, input={**bars.input, "sha256": "permuted"})


def permutation_test(
    figure: Callable[[Sequence[Bars]], float], bars: Sequence[Bars], count: int, seed: int = 0
) -> Permutation:
    """A figure (larger is better) on the bars and on `count` permutations of them; raises what `permuted` raises.

    Where the figure is the best of a search, the search is repeated on each: its luck is then part of the chance.
    """
    import numpy as np

    if count < 1:
        raise BacktestError(f"{count} permutations", where="permutation test", hint="use 1 or more")
    shuffled = [figure(permuted(bars, seed + 1 + n)) for n in range(count)]
    return Permutation(float(figure(bars)), np.array(shuffled, dtype=np.float64))


def positions_test(
    positions: NDArray[np.float64], market: NDArray[np.float64], count: int = 2_000, seed: int = 0
) -> Permutation:
    """Mean return of positions (shape (T,), held into each return) against the market's returns, shape (T,), shuffled.

    The market's mean is taken out first, so that being long in a rising market is no merit (Aronson's detrending).
    """
    import numpy as np

    detrended = market - market.mean()
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, CHUNK_VALUES // max(1, market.size))
    shuffled = []
    for first in range(0, count, rows):
        series = np.broadcast_to(detrended, (min(rows, count - first), market.size))
        shuffled.append(generator.permuted(series, axis=1) @ positions / market.size)
    return Permutation(float(positions @ detrended) / market.size, np.concatenate(shuffled))
