"""How much of a result is left when things go a little worse, or the parameters are a little off.

What holds only with exact costs, exact timing and exact parameters will not be met again; see E. P. Chan, Quantitative
Trading (2009), chapter 3, on costs and data snooping, and R. Pardo, The Evaluation and Optimization of Trading
Strategies (2008), chapter 10, on the neighbourhood of the best parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.analysis import metrics
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.delay import delayed_loop, delayed_memory
from trading.errors import StrategyError
from trading.rules import MAX_COST_BPS
from trading.timeframe import periods_per_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.honesty.accounts import Account
    from trading.frictions import Frictions
    from trading.strategy import Strategy

ASSUMED_COST_BPS = 5.0  # a side, where a run was made without any costs: twice nothing shows nothing
STEP = 0.1  # of a parameter's value to either side, where no range says what a step is


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The same run with one parameter a step off."""

    params: dict[str, float]
    sharpe: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Annualised Sharpe ratios of the run as it is, with costs doubled, one bar late, and with parameters a step off.

    `costs_bps` are the fee and the slippage a side of the run with doubled costs. A run that never moved counts as 0;
    one that places orders and fills at the close is not delayed (NaN).
    """

    sharpe: float
    sharpe_double_costs: float
    costs_bps: tuple[float, float]
    sharpe_delayed: float
    neighbours: tuple[Neighbour, ...]

    @property
    def sharpe_neighbours(self) -> float:
        """The median over the neighbours; NaN where there are none."""
        import numpy as np

        return float(np.median([one.sharpe for one in self.neighbours])) if self.neighbours else math.nan

    @property
    def sharpe_worst_neighbour(self) -> float:
        """The lowest of the neighbours; NaN where there are none."""
        return min((one.sharpe for one in self.neighbours), default=math.nan)


def sensitivity(spec: BacktestSpec, bars: Sequence[Bars], steps: Mapping[str, float] | None = None) -> Sensitivity:
    """Run a spec again under slightly worse conditions; `steps` is each parameter's step. Raises BacktestError."""
    spec = spec.checked()
    strategy = spec.definition()
    params = tuple(spec.params.values())
    runner = Runner(spec, bars)
    dearer = doubled_costs(spec)
    at_once = strategy.places_orders and spec.fill == "close"
    around = neighbours(strategy, spec.params, steps or {})
    return Sensitivity(
        sharpe=sharpe_of(runner.run(params), bars),
        sharpe_double_costs=sharpe_of(Runner(dearer, bars, doubled_frictions(spec)).run(params), bars),
        costs_bps=(dearer.fee_bps, dearer.slippage_bps),
        sharpe_delayed=math.nan if at_once else sharpe_of(delayed(runner, params), bars),
        neighbours=tuple(Neighbour(one, sharpe_of(runner.run(tuple(one.values())), bars)) for one in around),
    )


def delayed(runner: Runner, params: tuple[float, ...]) -> Account:
    """The account of the same strategy with every decision, or every order, one bar late."""
    import numpy as np

    strategy = runner.strategy
    if strategy.places_orders:
        late = Runner(runner.spec, runner.bars, lambda one: one._replace(latency_bars=one.latency_bars + 1))
        return late.run(params)
    memory = delayed_memory(strategy.memory(params, runner.symbols), runner.symbols, many_symbols=strategy.many_symbols)
    return runner.run_loop(delayed_loop(strategy.name, runner.loop), np.array(params, dtype=np.float64), memory)


def doubled_costs(spec: BacktestSpec) -> BacktestSpec:
    """The spec with twice the fee and twice the slippage; with 5 basis points each where it has no costs at all."""
    stated = spec.frictions
    if not (spec.fee_bps or spec.slippage_bps or stated.fees or stated.spread or stated.slippage or stated.impact):
        return msgspec.structs.replace(spec, fee_bps=ASSUMED_COST_BPS, slippage_bps=ASSUMED_COST_BPS)
    most = math.nextafter(MAX_COST_BPS, 0.0)
    return msgspec.structs.replace(
        spec, fee_bps=min(2.0 * spec.fee_bps, most), slippage_bps=min(2.0 * spec.slippage_bps, most)
    )


def doubled_frictions(spec: BacktestSpec) -> Callable[[Frictions], Frictions]:
    """What doubles the costs that a spec names beyond basis points; those in basis points are left as they are."""

    def double(one: Frictions) -> Frictions:
        slip, fees = one.slippage, one.fees
        wider = slip._replace(
            ticks=2.0 * slip.ticks,
            half_spread_bps=2.0 * slip.half_spread_bps,
            half_spread=2.0 * slip.half_spread,
            volume_impact=2.0 * slip.volume_impact,
            impact=2.0 * slip.impact,
        )
        if spec.frictions.fees:
            fees = fees._replace(
                rate=2.0 * fees.rate,
                minimum=2.0 * fees.minimum,
                maximum=2.0 * fees.maximum,
                maker=_twice(fees.maker),
                taker=_twice(fees.taker),
            )
        return one._replace(slippage=wider, fees=fees)

    return double


def _twice(tiers: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    first, second, third, fourth = tiers
    return 2.0 * first, 2.0 * second, 2.0 * third, 2.0 * fourth


def neighbours(strategy: Strategy, params: Mapping[str, float], steps: Mapping[str, float]) -> list[dict[str, float]]:
    """Parameters with one of them a step lower or higher, as far as the strategy allows them.

    Without a step a tenth of the value is taken, at least 1 for whole numbers; a parameter at 0 keeps its value.
    """
    found: list[dict[str, float]] = []
    for parameter in strategy.parameters:
        value = params[parameter.name]
        step = steps.get(parameter.name, abs(value) * STEP)
        if parameter.whole:
            step = max(1.0, float(round(step)))
        for other in (value - step, value + step):
            moved = {**params, parameter.name: other}
            try:
                strategy.params(moved)
            except StrategyError:
                continue
            if other != value:
                found.append(moved)
    return found


def sharpe_of(account: Account, bars: Sequence[Bars]) -> float:
    """The annualised Sharpe ratio of a run; 0 where it never moved."""
    found = metrics.sharpe(account.returns(), periods_per_year(bars[0].timeframe, bars[0].calendar))
    return 0.0 if math.isnan(found) else found
