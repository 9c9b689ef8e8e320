"""What the tests of analysis share: random trades on random bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from pi5_pipelines.backtest.bars import Bars


@pytest.fixture(scope="session")
def random_trades() -> Callable[..., pl.DataFrame]:
    """Make a table of trades on one symbol's bars from a seed; the last one may be open."""

    def make(seed: int, bars: Bars, count: int) -> pl.DataFrame:
        import polars as pl

        rng = np.random.default_rng(seed)
        places = np.sort(rng.integers(0, len(bars), 2 * count))
        entry, out = places[0::2], places[1::2]
        long = rng.random(count) < 0.6
        entry_price, exit_price = bars.open[entry], bars.open[out]
        closed = np.ones(count, dtype=bool)
        if count and rng.random() < 0.5:
            out[-1], closed[-1], exit_price[-1] = len(bars) - 1, False, bars.close[-1]
        change = np.where(long, 1.0, -1.0) * (exit_price / entry_price - 1.0)
        change[rng.random(count) < 0.1] = 0.0
        moment = pl.Datetime("us", "UTC")
        return pl.DataFrame(
            {
                "symbol": pl.Series([bars.symbol] * count, dtype=pl.String),
                "side": pl.Series(["long" if one else "short" for one in long], dtype=pl.String),
                "quantity": rng.uniform(1.0, 50.0, count),
                "entry_ts": pl.Series(bars.ts_us[entry], dtype=pl.Int64).cast(moment),
                "entry_price": entry_price,
                "exit_ts": pl.Series(bars.ts_us[out], dtype=pl.Int64).cast(moment),
                "exit_price": exit_price,
                "pnl": change * 1_000.0,
                "return_pct": change * 100.0,
                "bars_held": pl.Series(out - entry, dtype=pl.Int64),
                "fees": np.zeros(count),
                "closed": pl.Series(closed.tolist(), dtype=pl.Boolean),
            }
        )

    return make
