"""This engine beside other engines, in turn on one machine; results that disagree void a comparison."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from beside import (
    NAUTILUS,
    NOT_SHOWN,
    OURS,
    PARITY,
    PEERS,
    RUNNERS,
    Engine,
    agree,
    figures,
    goog_cell,
    goog_prices,
    in_turn,
)
from measure import emit

if TYPE_CHECKING:
    from collections.abc import Mapping


def one_run(cell: dict[str, Any], engines: Mapping[str, Engine], benchmark: str, **notes: Any) -> None:  # noqa: ANN401
    """Compare engines on one cell."""
    in_turn(engines)
    wanted = engines[OURS].runs[-1].answer["cells"][cell["id"]]
    for name, engine in engines.items():
        got = engine.runs[-1].answer["cells"][cell["id"]]
        agree(f"{benchmark}, {name}", *([one["equity_final"], one["trades"]] for one in (wanted, got)))
    emit(
        benchmark,
        engines=figures(engines),
        checked=f"all end with {wanted['equity_final']:.2f} after {wanted['trades']} trades",
        **notes,
        does_not_show=NOT_SHOWN,
    )


def write_minutes(path: Path, length: int = 60_000, seed: int = 7) -> None:
    """A random walk of minute bars with four decimals, at which no two averages are ever equal."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005, length))), 4)
    open_ = np.concatenate([close[:1], close[:-1]])
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - the peers read naive times
    times = pl.datetime_range(start, start + timedelta(minutes=length - 1), "1m", eager=True)
    columns = {"Open": open_, "High": np.maximum(open_, close) + 0.01, "Low": np.minimum(open_, close) - 0.01}
    volume = rng.integers(1, 1_000, length).astype(np.float64)
    frame = pl.DataFrame({"Time": times, **columns, "Close": close, "Volume": volume})
    frame.write_csv(path, float_precision=4)


def cells_on(names: Mapping[str, int], cell: dict[str, Any]) -> dict[str, Engine]:
    """Engines by name with the rounds each is given, slow ones fewer."""
    commands = {
        OURS: [sys.executable, str(PEERS / "run_ours.py")],
        "vectorbt": [PARITY, str(RUNNERS / "run_vectorbt.py")],
        "backtesting.py": [PARITY, str(RUNNERS / "run_backtesting.py")],
        "backtrader": [PARITY, str(RUNNERS / "run_backtrader.py")],
        "NautilusTrader": [NAUTILUS, str(PEERS / "run_nautilus.py")],
    }
    return {name: Engine(commands[name], [{**cell, "rounds": rounds}]) for name, rounds in names.items()}


def main() -> None:
    """Take and print the figures."""
    prices = goog_prices(PARITY, NAUTILUS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PI5_NUMBA_CACHE"] = f"{folder}/numba"  # the uncounted run fills it
        cell = goog_cell(prices, 1)
        one_run(
            cell,
            cells_on({OURS: 20, "vectorbt": 20, "backtesting.py": 5, "backtrader": 5}, cell),
            "one_backtest_beside_peers",
            includes="2,148 daily bars of GOOG; a round: indicators, simulation, final equity and trades, and all "
            "metrics of pi5 and backtesting.py; a process: start, imports, reading the file, one round",
        )
        minutes = Path(folder) / "minutes.csv"
        write_minutes(minutes)
        changed = {"file": str(minutes), "params": {"fast": 7, "slow": 24}, "fill": "close", "units": 100, "cash": 1e6}
        cell |= changed
        one_run(
            cell,
            cells_on({OURS: 20, "NautilusTrader": 2, "backtrader": 2, "backtesting.py": 3, "vectorbt": 10}, cell),
            "minute_bars_beside_peers",
            includes="60,000 minute bars, 100 shares a side, fills at the close; as above",
        )


if __name__ == "__main__":
    main()
