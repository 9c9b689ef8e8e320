"""A sweep beside vectorbt's and backtesting.py's, in turn on one machine; results that disagree void a comparison."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from beside import NOT_SHOWN, OURS, PARITY, PEERS, Engine, agree, figures, goog_cell, goog_prices, in_turn
from measure import ROOT, emit
from ties import tied
from whole_process import run_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

PI5 = str(Path(sys.executable).parent / "pi5")
BLOCK = 1_000  # combinations at once, where memory is to be spared


def sweep(pairs_fast: range, pairs_slow: range, prices: Path, folder: str, *, warm: bool = False) -> None:
    """Compare sweeps over a grid of windows, all figures of all combinations with each other."""
    pairs = [(fast, slow) for fast in pairs_fast for slow in pairs_slow]
    count, table = len(pairs), Path(folder) / "sweep.parquet"
    request = {"file": str(prices), "pairs": pairs, "rounds": 3 if count <= BLOCK else 1, "block": count}
    script = [PARITY, str(PEERS / "sweep_vectorbt.py")]
    axes = [f"--param={name}={r.start}:{r[-1]}:{r.step}" for name, r in (("fast", pairs_fast), ("slow", pairs_slow))]
    options = [*axes, "--where=fast<slow", "--direction=long", f"--out={table}", "--json=-"]
    engines = {OURS: Engine([PI5, "sweep", "sma_cross", f"--bars={prices}", *options])}
    engines["vectorbt"] = Engine(script, request)
    if count > BLOCK:
        engines[f"vectorbt, {BLOCK:,} at a time"] = Engine(script, {**request, "block": BLOCK})
    in_turn(engines, warm=warm)
    rows = pl.read_parquet(table).sort("fast", "slow")
    equal = tied(pl.read_csv(prices)["Close"].to_numpy(), 2, pairs)
    clear = np.array([pair not in equal for pair in pairs])
    agree(f"{count} combinations", [count, count], [rows.height, engines[OURS].runs[-1].answer["combinations"]])
    for name, engine in engines.items():
        if name != OURS:
            found = np.array([engine.runs[-1].answer["figures"][f"{fast},{slow}"] for fast, slow in pairs])
            for figure, column in (("return_pct", 0), ("max_drawdown_pct", 1), ("trades", 3)):
                scale = 100.0 if figure.endswith("_pct") else 1.0
                agree(f"{name}, {figure}", rows[figure].to_numpy()[clear] / scale, found[clear, column])
    emit(
        f"sweep_{count}_combinations",
        engines=figures(engines),
        checked=f"return, largest drawdown and trades of {clear.sum():,} combinations are equal; "
        f"left out: {len(equal)} whose averages are exactly equal at some bar, where rounding decides",
        includes="moving averages long only on GOOG, 2,148 daily bars, whole shares, fills at the next open; vectorbt: "
        "return, largest drawdown, Sharpe ratio and trades of each; pi5: its 18 figures of each, a table written; "
        "a round of pi5 is the time its own summary tells, without loading and judging",
        does_not_show=NOT_SHOWN,
    )


def sweep_of_backtesting(prices: Path) -> None:
    """backtesting.py's optimiser on 100 combinations; a thousand would take ten times as long."""
    fast, slow = list(range(2, 12)), list(range(50, 100, 5))
    request = {"file": str(prices), "fast": fast, "slow": slow, "rounds": 1}
    engines = {"backtesting.py": Engine([PARITY, str(PEERS / "sweep_backtesting.py")], request)}
    in_turn(engines)
    found = engines["backtesting.py"].runs[-1].answer["figures"]
    row = figures(engines)
    emit(
        "sweep_backtesting_py_100_combinations",
        engines=row,
        extrapolated_round_s_for_1000=row["backtesting.py"]["round_s_median"] * 10.0,
        checked=check_pairs(found, [(2, 50), (6, 75), (11, 95)], prices),
        includes="its optimiser on all cores; the figure for 1,000 is ten times that for 100, not measured",
        does_not_show=NOT_SHOWN,
    )


def check_pairs(found: dict[str, list[float]], pairs: Sequence[tuple[int, int]], prices: Path) -> str:
    """Some pairs' return, drawdown and trades against single runs of ours."""
    cell = goog_cell(prices, rounds=1) | {"long_only": True}
    cells = [cell | {"id": f"{fast},{slow}", "params": {"fast": fast, "slow": slow}} for fast, slow in pairs]
    answer = run_whole([sys.executable, str(PEERS / "run_ours.py")], cells, {"PYTHONPATH": str(ROOT)}).answer
    for name, one in answer["cells"].items():
        ours = [one["return_pct"] / 100.0, one["max_drawdown_pct"] / 100.0, one["trades"]]
        theirs = [found[name][0], found[name][1], found[name][3]] if len(found[name]) > 1 else found[name]
        agree(f"windows {name}", ours[: len(theirs)], theirs)
    return f"{len(pairs)} combinations equal single runs of {OURS}"


def main() -> None:
    """Take and print the figures."""
    prices = goog_prices(PARITY)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PI5_NUMBA_CACHE"] = f"{folder}/numba"  # the uncounted run fills it
        sweep(range(2, 42), range(50, 175, 5), prices, folder)
        sweep(range(2, 102), range(105, 205), prices, folder, warm=True)
        sweep_of_backtesting(prices)


if __name__ == "__main__":
    main()
