"""The night's backtests: every configured strategy on every symbol whose data passed its checks."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.backtest.bars import Bars, bars_of_symbols, label
from pi5_pipelines.backtest.change import key, line
from pi5_pipelines.backtest.code_version import code_version, source_hashes
from pi5_pipelines.backtest.result import result_id_of
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.backtest.store import ResultStore
from pi5_pipelines.checks.ruling import ADVISORY
from pi5_pipelines.durable import write_bytes_durably
from pi5_pipelines.errors import DataRangeError, Pi5Error
from pi5_pipelines.honesty.trials import Ledger, Run, ledger_file, run_of

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings, StrategySettings

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class NightlyOutcome:
    """What the night brought: results with identity and main figures, what was skipped or failed, and why."""

    as_of: str
    code_version: str
    results: tuple[dict[str, Any], ...]
    skipped: tuple[dict[str, str], ...]
    failed: tuple[dict[str, str], ...]


def results_folder(settings: Settings) -> Path:
    """Where results are kept."""
    return settings.folder("reports") / "results"


def outcome_file(settings: Settings) -> Path:
    """Where the last night's outcome is kept, for the report and for `pi5 status`."""
    return settings.folder("reports") / "nightly.json"


def read_outcome(settings: Settings) -> NightlyOutcome:
    """The last night's outcome; raises DataRangeError when there was none yet."""
    path = outcome_file(settings)
    if not path.exists():
        raise DataRangeError("no night has been run yet", where=str(path), hint="run `make demo` or the nightly job")
    return msgspec.json.decode(path.read_bytes(), type=NightlyOutcome)


def last_results(settings: Settings) -> tuple[dict[str, Any], ...]:
    """The lines of the last night's results, none before the first or when they are of an older form."""
    try:
        return read_outcome(settings).results
    except (DataRangeError, msgspec.DecodeError):
        return ()


def run_nightly(settings: Settings, lake: Lake, progress: Progress | None = None) -> NightlyOutcome:
    """Run every configured strategy, save the results and the outcome; one that fails does not stop the others."""
    timeframe = settings.ingest.timeframe
    bars, skipped = usable_bars(settings, lake, timeframe)
    store, runs = ResultStore(results_folder(settings)), list[Run]()
    jobs = [(one, chosen) for one in settings.backtest.strategies for chosen in choices(one, bars)]
    before = {key(row): row for row in last_results(settings)}
    skipped += _left_out(settings, bars, {row["symbol"] for row in skipped})
    results: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for done, (strategy, chosen) in enumerate(jobs):
        names = ", ".join(one.symbol for one in chosen)
        if progress:
            progress(done, len(jobs), f"{strategy.name} {names}")
        try:
            document = _result(nightly_spec(settings, strategy), chosen, store)
            runs.append(run_of(document, chosen, "nightly"))
            results.append(line(document, chosen, before.get(key(document)), store))
        except Pi5Error as error:
            failed.append({"strategy": strategy.name, "symbol": names, "reason": str(error)})
    try:
        Ledger(ledger_file(settings)).record(runs)  # all at once: a night that is killed before is recorded by the next
    except Pi5Error as error:
        failed.append({"strategy": "all", "symbol": "", "reason": str(error)})
    if progress:
        progress(len(jobs), len(jobs), "done")
    outcome = NightlyOutcome(
        as_of=max((label(one.ts_us[-1], timeframe) for one in bars.values()), default=""),
        code_version=code_version(),
        results=tuple(results),
        skipped=tuple(skipped),
        failed=tuple(failed),
    )
    write_bytes_durably(outcome_file(settings), msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    return outcome


def nightly_spec(settings: Settings, strategy: StrategySettings) -> BacktestSpec:
    """A strategy's run as [backtest] of pi5.toml describes it, with the strategy's own frictions where it has some.

    Fees that frictions name stand in place of the general basis points.
    """
    chosen = settings.backtest
    frictions = chosen.frictions if strategy.frictions is None else strategy.frictions
    return BacktestSpec(
        strategy=strategy.name,
        params=strategy.params,
        cash=chosen.cash,
        fee_bps=0.0 if frictions.fees else chosen.fee_bps,
        slippage_bps=chosen.slippage_bps,
        fill=chosen.fill,
        sizing=chosen.sizing,
        direction=chosen.direction,
        close_at_end=chosen.close_at_end,
        frictions=frictions,
    )


def usable_bars(settings: Settings, lake: Lake, timeframe: str) -> tuple[dict[str, Bars], list[dict[str, str]]]:
    """Bars of every symbol whose checks passed, and the others with the reason they are left out."""
    import polars as pl

    if lake.version(f"bars_{timeframe}") is None:
        raise DataRangeError(
            f"the lake has no {timeframe} bars yet", where=str(settings.folder("lake")), hint="run `pi5 ingest` first"
        )
    verdicts = lake.read("verdicts").filter(pl.col("table") == f"bars_{timeframe}")
    bad = {
        row["symbol"]: f"{row['check']}: {row['detail']}"
        for row in verdicts.filter(~pl.col("passed") & ~pl.col("check").is_in(ADVISORY)).iter_rows(named=True)
    }
    symbols = [str(symbol) for symbol in verdicts["symbol"].unique().sort()]
    good = [symbol for symbol in symbols if symbol not in bad]
    bars = bars_of_symbols(lake, good, timeframe, adjust=settings.backtest.adjust)
    skipped = [{"symbol": symbol, "strategy": "all", "reason": reason} for symbol, reason in sorted(bad.items())]
    return bars, skipped


def choices(strategy: StrategySettings, bars: dict[str, Bars]) -> list[list[Bars]]:
    """The groups of symbols a strategy runs on: one each, or all together when it trades many."""
    wanted = [bars[symbol] for symbol in (strategy.symbols or bars) if symbol in bars]
    if BacktestSpec(strategy=strategy.name).definition().many_symbols:
        return [wanted] if wanted else []
    return [[one] for one in wanted]


def _left_out(settings: Settings, bars: dict[str, Bars], known: set[str]) -> list[dict[str, str]]:
    """Symbols that a strategy names and the lake does not hold."""
    return [
        {"symbol": symbol, "strategy": strategy.name, "reason": "the lake holds no bars of it"}
        for strategy in settings.backtest.strategies
        for symbol in strategy.symbols
        if symbol not in bars and symbol not in known
    ]


def _result(spec: BacktestSpec, chosen: list[Bars], store: ResultStore) -> dict[str, Any]:
    """A run's document: the one that is kept where bars, options and code are the same, else a new one."""
    spec = spec.checked()
    kept = result_id_of(spec, chosen, code_version(spec.strategy))
    if store.has(kept):
        document = store.document(kept)
    else:
        started = time.perf_counter()
        result = run_backtest(spec, chosen)
        store.save(result, facts(spec.strategy, time.perf_counter() - started))
        document = result.document
    return document


def facts(strategy: str, seconds: float) -> dict[str, Any]:
    """How a result was made; kept beside it and no part of its identity."""
    return {
        "made_at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": dict(_libraries()),
        "sources": source_hashes(strategy),
    }


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("numba", "numpy", "polars", "deltalake"))
