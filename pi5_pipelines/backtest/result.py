"""What a run leaves behind: one document of figures, and the curves, fills and trades it stands on."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.analysis.document import Course, figures
from pi5_pipelines.analysis.trade_definitions import DEFINITIONS
from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import digest, label
from pi5_pipelines.backtest.code_version import code_version
from pi5_pipelines.backtest.order_events import orders_frame
from pi5_pipelines.backtest.trades import fills_frame, round_trips, trades_frame
from trading.timeframe import periods_per_year

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec

ID_LENGTH = 16
COST_KINDS = (
    "fees",
    "spread",
    "slippage",
    "impact",
    "borrow",
    "funding",
    "interest",
    "margin_interest",
    "dividends",
)


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """`document` is the contract's JSON; arrays have one value a bar.

    `exposure` is the signed position value over equity; `benchmark` the equity of buying and holding with the same
    cash, without costs, in equal parts where there are several symbols. `orders` holds the order events of a run that
    traded by orders.
    """

    result_id: str
    document: dict[str, Any]
    ts_us: NDArray[np.int64]
    equity: NDArray[np.float64]
    cash: NDArray[np.float64]
    exposure: NDArray[np.float64]
    benchmark: NDArray[np.float64]
    fills: pl.DataFrame
    trades: pl.DataFrame
    orders: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event loop wrote: curve rows as in driver, fills as a table, and the bar of ruin (-1: none).

    The loop of orders adds order events (ledger.EVENT_COLUMNS), costs in money, and what it counted.
    """

    ts_us: NDArray[np.int64]
    curve: NDArray[np.float64]
    fills: NDArray[np.float64]
    ruined: int
    fill_count: int
    events: NDArray[np.float64] | None = None
    event_count: int = 0
    costs: dict[str, float] | None = None
    counts: dict[str, int] | None = None


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one byte form of a document: sorted keys, undefined numbers as null, a closing newline."""
    return (json.dumps(_plain(document), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def result_id_of(spec: BacktestSpec, bars: Sequence[Bars], version: str, fine: Bars | None = None) -> str:
    """The identity of a run: its options, the hashes of the bars themselves, and the code's version."""
    identity: dict[str, Any] = {
        "spec": msgspec.to_builtins(spec),
        "bars": [[b.symbol, b.timeframe, b.input["sha256"]] for b in bars],
        "code_version": version,
    }
    if fine is not None:
        identity["fine"] = [fine.symbol, fine.timeframe, fine.input["sha256"]]
    if spec.frictions.dividends:
        identity["dividends"] = [digest(b.dividends) for b in bars if b.dividends is not None]
    return hashlib.sha256(canonical(identity)).hexdigest()[:ID_LENGTH]


def buy_and_hold(bars: Sequence[Bars], ts_us: NDArray[np.int64], cash: float) -> NDArray[np.float64]:
    """Equity of putting equal parts of the cash into each symbol at its first close, shape of `ts_us`."""
    import numpy as np

    total = np.zeros(ts_us.size)
    for one in bars:
        last = np.searchsorted(one.ts_us, ts_us, side="right") - 1
        share = np.where(last < 0, 1.0, one.close[np.maximum(last, 0)] / one.close[0])
        total += cash / len(bars) * share
    return total


def build(spec: BacktestSpec, bars: Sequence[Bars], outcome: Outcome, fine: Bars | None = None) -> BacktestResult:
    """The result of an outcome: figures computed, curves cut loose from the loop's buffers."""
    import numpy as np

    symbols = [one.symbol for one in bars]
    equity, cash = outcome.curve[driver.CURVE_EQUITY].copy(), outcome.curve[driver.CURVE_CASH].copy()
    benchmark = buy_and_hold(bars, outcome.ts_us, spec.cash)
    last_close = [float(one.close[-1]) for one in bars]
    trades = trades_frame(round_trips(outcome.fills, len(bars)), symbols, outcome.ts_us, last_close)
    fills = fills_frame(outcome.fills, symbols, outcome.ts_us)
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = np.nan_to_num((equity - cash) / equity, nan=0.0, posinf=0.0, neginf=0.0)
    course = Course(
        ts_us=outcome.ts_us,
        equity=equity,
        exposure=exposure,
        benchmark=benchmark,
        fills=outcome.fills,
        trades=trades,
        cash=spec.cash,
        periods=periods_per_year(bars[0].timeframe, bars[0].calendar),
        timing="within" if outcome.events is not None else "close" if spec.fill == "close" else "open",
    )
    document = {
        **_described(spec, bars, outcome, fine),
        **figures(course, bars),
        "ruined": outcome.ruined >= 0,
        **_frictions(outcome),
        "curve_sha256": digest(outcome.ts_us, equity, cash, exposure, benchmark),
        "fills_sha256": digest(outcome.fills),
    }
    return BacktestResult(
        result_id=document["result_id"],
        document=_plain(document),
        ts_us=outcome.ts_us,
        equity=equity,
        cash=cash,
        exposure=exposure,
        benchmark=benchmark,
        fills=fills,
        trades=trades,
        orders=None if outcome.events is None else orders_frame(outcome.events, symbols[0], outcome.ts_us),
    )


def _frictions(outcome: Outcome) -> dict[str, Any]:
    """Costs by kind (a credit counts below zero) and what the loop of orders counted; the plain loop has two kinds."""
    plain = {
        "fees": float(outcome.fills[:, driver.FILL_FEE].sum()),
        "slippage": float(outcome.fills[:, driver.FILL_SLIPPAGE].sum()),
    }
    counts = {"ambiguous_bars": 0, "orders_rejected": 0, "margin_calls": 0}
    return {
        "costs": {**dict.fromkeys(COST_KINDS, 0.0), **(outcome.costs or plain)},
        **(outcome.counts or counts),
        **({} if outcome.events is None else {"orders_sha256": digest(outcome.events)}),
    }


def _described(spec: BacktestSpec, bars: Sequence[Bars], outcome: Outcome, fine: Bars | None) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(spec),
        "result_id": result_id_of(spec, bars, code_version(spec.strategy), fine),
        "symbols": [one.symbol for one in bars],
        "timeframe": bars[0].timeframe,
        "adjust": bars[0].input["adjust"],
        "start": label(outcome.ts_us[0], bars[0].timeframe),
        "end": label(outcome.ts_us[-1], bars[0].timeframe),
        "inputs": [one.input for one in bars],
        "fine_inputs": [] if fine is None else [{**fine.input, "timeframe": fine.timeframe}],
        "code_version": code_version(spec.strategy),
        "metric_definitions": DEFINITIONS,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
