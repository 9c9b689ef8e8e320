"""A strategy that raises: one error that names the strategy and the bar it failed on."""

from __future__ import annotations

import math
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.backtest.bars import label
from pi5_pipelines.errors import BacktestError, Pi5Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


@contextmanager
def naming_the_bar(
    strategy: str, ts_us: NDArray[np.int64], timeframe: str, equity: Sequence[float] | NDArray[np.float64]
) -> Iterator[None]:
    """Turn whatever a loop raises into a BacktestError; `equity` is the curve it fills, NaN where it has not been."""
    try:
        yield
    except Pi5Error:
        raise
    except Exception as error:
        if type(error).__module__.startswith("numba"):
            first = next((line for line in str(error).splitlines() if line.strip()), "")
            raise BacktestError(
                f"numba cannot compile it: {first}",
                where=f"strategy {strategy}",
                hint="--interpreted runs it; docs/extending.md says what can be compiled",
            ) from error
        done = next((i for i, value in enumerate(equity) if math.isnan(value)), len(equity) - 1)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        line = f" ({Path(frame.filename).name}, line {frame.lineno})"
        raise BacktestError(
            f"the strategy failed: {type(error).__name__}: {error}{line}",
            where=f"strategy {strategy}, bar {label(int(ts_us[done]), timeframe)}",
            hint="run it with --interpreted, which names the line",
        ) from error
