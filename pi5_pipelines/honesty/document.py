"""What is known of a result's honesty as one document: level, sentences, figures, and the numbers behind them.

Sharpe ratios in documents are annualised; undefined numbers are None.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.analysis import metrics
from pi5_pipelines.backtest.bars import label
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.bootstrap import FEWEST, Bands, bands
from pi5_pipelines.honesty.deflated import (
    ReturnMoments,
    deflated_sharpe,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    return_moments,
)
from pi5_pipelines.honesty.permutation import FEWEST as FEWEST_BARS
from pi5_pipelines.honesty.permutation import permutation_test
from pi5_pipelines.honesty.sensitivity import sensitivity, sharpe_of
from pi5_pipelines.honesty.verdict import Findings, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.honesty.trials import Tally
    from pi5_pipelines.honesty.walkforward import FoldOutcome, WalkForward

# So many bars are run in all permutations together: a second or two, whatever the length of the series.
PERMUTED_BARS, FEWEST_PERMUTED, MOST_PERMUTED = 1_000_000, 99, 499
CONFIDENCE = 0.9


def check_backtest(result: BacktestResult, bars: Sequence[Bars], tally: Tally) -> dict[str, Any]:
    """The honesty of one run on its bars; the same for the same ledger.

    `tally` is what the ledger counts of its strategy on its symbols. Raises BacktestError.
    """
    document = result.document
    periods = document["periods_per_year"]
    series = metrics.returns(result.equity)[1:]
    spec = spec_of(document)
    figures = _sharpe_figures(return_moments(series), tally, periods)
    figures["sharpe_buy_and_hold"] = metrics.sharpe(metrics.returns(result.benchmark), periods)
    drawn = bands(series, periods, confidence=CONFIDENCE) if series.size >= FEWEST and not document["ruined"] else None
    figures |= _band_figures(drawn)
    figures |= _permutation_figures(spec, bars)
    worse = sensitivity(spec, bars)
    figures |= {
        "sharpe_double_costs": worse.sharpe_double_costs,
        "double_fee_bps": worse.costs_bps[0],
        "double_slippage_bps": worse.costs_bps[1],
        "sharpe_delayed": worse.sharpe_delayed,
        "sharpe_neighbours": worse.sharpe_neighbours,
        "sharpe_worst_neighbour": worse.sharpe_worst_neighbour,
    }
    verdict = judge(findings_of(figures, trades=document["trades"]))
    answer: dict[str, Any] = known(
        {
            **_said(verdict),
            "result_id": document["result_id"],
            "figures": figures,
            "neighbours": [{"params": one.params, "sharpe": one.sharpe} for one in worse.neighbours],
            "bands": _bands_document(drawn),
        }
    )
    return answer


def check_walk_forward(found: WalkForward, bars: Sequence[Bars], tally: Tally) -> dict[str, Any]:
    """A walk-forward as a document: its verdict, its figures, its folds, and its stitched equity."""
    timeframe = bars[0].timeframe
    periods = found.periods
    in_sample = sum(one.train_sharpe for one in found.outcomes) / len(found.outcomes)
    figures = {
        **_sharpe_figures(found.returns, tally, periods),
        **{name: found.metrics[name] for name in ("return_pct", "annual_return_pct", "max_drawdown_pct")},
        "combinations": found.combinations,
        "folds": len(found.outcomes),
        "sharpe_in_sample": in_sample,
        "efficiency": found.efficiency,
        "sharpe_efficiency": found.sharpe_efficiency,
        "kept": found.kept,
        "mean_rank": sum(one.rank for one in found.outcomes) / len(found.outcomes),
    }
    # The stitched account was not picked out of several, so its Sharpe ratio needs no deflating.
    figures["deflated_sharpe"], figures["luck_sharpe"] = figures["probability_above_zero"], None
    if found.overfitting is not None:
        figures |= {
            "pbo": found.overfitting.pbo,
            "degradation_slope": found.overfitting.slope,
            "probability_of_loss": found.overfitting.probability_of_loss,
        }
    verdict = judge(findings_of(figures))
    answer: dict[str, Any] = known(
        {
            **_said(verdict),
            "figures": figures,
            "parameters": _stability(found.outcomes),
            "folds": [_fold(one, found.clock, timeframe) for one in found.outcomes],
            "ts": [label(one, timeframe) for one in found.ts_us],
            "equity": found.equity.tolist(),
        }
    )
    return answer


def findings_of(figures: dict[str, Any], trades: int | None = None) -> Findings:
    """The figures of a document as the verdict takes them; those that are not there are not known."""
    sharpe = figures["sharpe"]
    named = {
        "trials": "trials",
        "luck": "luck_sharpe",
        "deflated": "deflated_sharpe",
        "bars": "returns",
        "bars_needed": "bars_needed",
        "pbo": "pbo",
        "efficiency": "efficiency",
        "p_value": "p_value",
        "sharpe_low": "sharpe_low",
        "sharpe_high": "sharpe_high",
        "sharpe_double_costs": "sharpe_double_costs",
        "sharpe_delayed": "sharpe_delayed",
        "neighbours": "sharpe_neighbours",
        "buy_and_hold": "sharpe_buy_and_hold",
    }
    values = {field: figures.get(name) for field, name in named.items()}
    forward = sharpe if "efficiency" in figures else None
    return Findings(sharpe=sharpe, trades=trades, walk_forward_sharpe=forward, **values)


def spec_of(document: dict[str, Any]) -> BacktestSpec:
    """The options of a run, out of its document."""
    names = [field.name for field in msgspec.structs.fields(BacktestSpec)]
    return msgspec.convert({name: document[name] for name in names if name in document}, BacktestSpec)


def known(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same document with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(name): known(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [known(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sharpe_figures(moments: ReturnMoments, tally: Tally, periods: float) -> dict[str, Any]:
    annual = math.sqrt(periods)
    trials, variance = max(1, tally.trials), tally.sharpe.variance
    shape = moments.skewness, moments.kurtosis
    return {
        "sharpe": moments.sharpe * annual,
        "returns": moments.count,
        "skewness": moments.skewness,
        "kurtosis": moments.kurtosis,
        "trials": trials,
        "trials_sharpe_deviation": math.sqrt(variance) * annual,
        "luck_sharpe": expected_max_sharpe(trials, variance) * annual,
        "deflated_sharpe": deflated_sharpe(moments, trials, variance),
        "probability_above_zero": probabilistic_sharpe(moments.sharpe, 0.0, moments.count, *shape),
        "bars_needed": min_track_record(moments.sharpe, 0.0, *shape),
    }


def _band_figures(drawn: Bands | None) -> dict[str, Any]:
    if drawn is None:
        return {}
    return {
        "sharpe_low": drawn.sharpe_low,
        "sharpe_high": drawn.sharpe_high,
        "sharpe_confidence": CONFIDENCE,
        "bootstrap_loss": drawn.loss,
        "bootstrap_block": drawn.block_length,
        "bootstrap_drawdown_pct": float(drawn.drawdown[0]) * 100.0,
    }


def _permutation_figures(spec: BacktestSpec, bars: Sequence[Bars]) -> dict[str, Any]:
    total = sum(len(one) for one in bars)
    if min(len(one) for one in bars) < FEWEST_BARS:
        return {}
    count = min(MOST_PERMUTED, max(FEWEST_PERMUTED, PERMUTED_BARS // total))
    params = tuple(spec.params.values())
    found = permutation_test(lambda other: sharpe_of(Runner(spec, other).run(params), other), bars, count)
    return {"p_value": found.p_value, "permutations": count}


def _bands_document(drawn: Bands | None) -> dict[str, Any] | None:
    if drawn is None:
        return None
    return {"levels": list(drawn.levels), "at": drawn.at.tolist(), "equity": drawn.equity.tolist()}


def _said(verdict: Verdict) -> dict[str, Any]:
    return {"level": verdict.level, "sentences": list(verdict.sentences)}


def _stability(outcomes: Sequence[FoldOutcome]) -> dict[str, dict[str, float]]:
    """Of each parameter over the folds: lowest, median and highest choice, and how many different ones."""
    import statistics

    chosen = {name: [one.params[name] for one in outcomes] for name in outcomes[0].params}
    return {
        name: {
            "low": min(values),
            "median": statistics.median(values),
            "high": max(values),
            "different": len(set(values)),
        }
        for name, values in chosen.items()
    }


def _fold(one: FoldOutcome, clock: NDArray[np.int64], timeframe: str) -> dict[str, Any]:
    fold = one.fold
    edges = {
        "train_start": fold.train_start,
        "train_end": fold.train_stop - 1,
        "test_start": fold.test_start,
        "test_end": fold.test_stop - 1,
    }
    return {
        **{name: label(clock[place], timeframe) for name, place in edges.items()},
        "params": one.params,
        "train_sharpe": one.train_sharpe,
        "test_sharpe": one.test_sharpe,
        "train_return_pct": one.train_return * 100.0,
        "test_return_pct": one.test_return * 100.0,
        "rank": one.rank,
    }
