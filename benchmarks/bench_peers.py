"""This engine and its sweep beside other engines, in turn on one machine; results that disagree void a comparison."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from measure import ROOT, emit
from ties import tied
from whole_process import Whole, run_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

PARITY = str(ROOT / ".venv-parity" / "bin" / "python")
NAUTILUS = str(ROOT / ".venv-peers" / "bin" / "python")
PI5 = str(Path(sys.executable).parent / "pi5")
PEERS = ROOT / "benchmarks" / "peers"
RUNNERS = ROOT / "tests" / "parity" / "peers"
OURS = "pi5"
PROCESSES_EACH = int(os.environ.get("PI5_BENCH_PROCESSES", "3"))
RELATIVE = 1e-9
BLOCK = 1_000  # combinations at once, where memory is to be spared
NOT_SHOWN = "a Raspberry Pi, unless the machine is one; other strategies, where the shares of fixed costs differ"


@dataclass(slots=True)
class Engine:
    """A command, what it is asked, and what its runs took; `inner` lists the seconds it measured itself, by run."""

    command: Sequence[str]
    request: object = None
    runs: list[Whole] = field(default_factory=list)
    inner: list[list[float]] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def in_turn(engines: Mapping[str, Engine]) -> None:
    """Run every engine once uncounted, so that caches are filled, then all of them in turn, several times."""
    paths = f"{ROOT}{os.pathsep}{RUNNERS}"
    for counted in (False, *(True,) * PROCESSES_EACH):
        for engine in engines.values():
            with tempfile.TemporaryDirectory() as home:  # a sweep that has run before would find its results there
                run = run_whole(engine.command, engine.request, {"PYTHONPATH": paths, "PI5_HOME": home})
            engine.runs.append(run)
            if counted:
                inner = seconds_of(run.answer)
                engine.inner.append(inner)
                # A process as a user starts it runs once: further rounds are taken off.
                engine.whole.append(run.seconds - sum(inner[1:]))


def seconds_of(answer: dict[str, Any]) -> list[float]:
    """Every round's seconds in an answer of any of the scripts."""
    if "cells" in answer:
        (cell,) = answer["cells"].values()
        return list(cell["seconds"])
    seconds = answer["seconds"]
    return list(seconds) if isinstance(seconds, list) else [float(seconds)]


def figures(engines: Mapping[str, Engine]) -> dict[str, dict[str, Any]]:
    """By engine: seconds of the process, of the first and of a later round; memory; medians of the ratios to ours."""
    table = {}
    for name, engine in engines.items():
        later = [seconds for run in engine.inner for seconds in run[1:] or run]
        row = {
            "version": engine.runs[-1].answer.get("version", "this commit"),
            "process_s_best": min(engine.whole),
            "process_s_median": statistics.median(engine.whole),
            "first_round_s_median": statistics.median(run[0] for run in engine.inner),
            "round_s_best": min(later),
            "round_s_median": statistics.median(later),
            "peak_tree_rss_mb": max(run.peak_tree_rss_mb for run in engine.runs[1:]),
        }
        if OURS in engines:
            ours = engines[OURS]
            row["process_times_ours"] = statistics.median(a / b for a, b in zip(engine.whole, ours.whole, strict=True))
            row["round_times_ours"] = statistics.median(
                statistics.median(a[1:] or a) / statistics.median(b[1:] or b)
                for a, b in zip(engine.inner, ours.inner, strict=True)
            )
        table[name] = row
    return table


def agree(what: str, ours: ArrayLike, theirs: ArrayLike) -> None:
    """Raise SystemExit unless the figures are equal to one part in 10^9: the comparison is void then."""
    one, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    differ = ~np.isclose(one, other, rtol=RELATIVE, atol=RELATIVE)
    if differ.any():
        at = int(np.argmax(differ))
        raise SystemExit(
            f"{what}: {differ.sum()} of {one.size} differ, first {one[at]!r} and {other[at]!r}; the comparison is void"
        )


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


def sweep(pairs_fast: range, pairs_slow: range, prices: Path, folder: str) -> None:
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
    in_turn(engines)
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
        "return, largest drawdown, Sharpe ratio and trades of each; pi5: its 20 figures of each, a table written; "
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


def goog_cell(prices: Path, rounds: int) -> dict[str, Any]:
    """Moving averages 10 and 30 on GOOG, long and short, all in, next open, without costs."""
    rules = {"long_only": False, "fill": "next-open", "fee": 0.0, "slippage": 0.0, "whole_shares": True, "units": 0}
    params = {"fast": 10, "slow": 30}
    return {"id": "one", "file": str(prices), "strategy": "sma_cross", "params": params, **rules} | {
        "cash": 10_000.0,
        "rounds": rounds,
    }


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
    wheel = find_spec("backtesting")
    if wheel is None or wheel.origin is None or not Path(PARITY).exists() or not Path(NAUTILUS).exists():
        raise SystemExit("the peers are not installed: run `make bench-peers`")
    prices = Path(wheel.origin).parent / "test" / "GOOG.csv"
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
        sweep(range(2, 42), range(50, 175, 5), prices, folder)
        sweep(range(2, 102), range(105, 205), prices, folder)
        sweep_of_backtesting(prices)


if __name__ == "__main__":
    main()
