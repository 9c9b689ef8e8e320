"""What the night searches: the ranges of pi5.toml on every usable symbol, each search named by what decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.backtest.bars import digest
from pi5_pipelines.backtest.code_version import code_version
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.nightly import choices, nightly_spec
from pi5_pipelines.honesty.trials import identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.settings import Settings

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Search:
    """One strategy's ranges on one symbol, or on several together for a strategy that trades many."""

    spec: BacktestSpec
    symbols: tuple[str, ...]
    ranges: tuple[str, ...]
    where: str
    train: int
    test: int
    adjust: str
    timeframe: str
    id: str

    def options(self) -> list[str]:
        """What the searching commands have in common, as they take it."""
        spec = self.spec
        given = [f"--symbol={symbol}" for symbol in self.symbols]
        given += [f"--timeframe={self.timeframe}", f"--adjust={self.adjust}"]
        given += [f"--param={text}" for text in self.ranges]
        given += [f"--where={self.where}"] if self.where else []
        given += [f"--{name.replace('_', '-')}={getattr(spec, name)}" for name in MONEY]
        given += ["--close-at-end" if spec.close_at_end else "--leave-open"]
        plain = FrictionSpec()
        for name in FrictionSpec.__struct_fields__:
            value = getattr(spec.frictions, name)
            if value != getattr(plain, name):
                option = f"--{name.replace('_', '-')}"
                given.append(option if value is True else f"{option}={value}")
        return given


MONEY = ("cash", "fee_bps", "slippage_bps", "fill", "sizing", "direction")


def searches(settings: Settings, bars: Mapping[str, Bars]) -> list[Search]:
    """All searches that pi5.toml asks for on symbols whose checks passed."""
    return [
        _search(settings, strategy.sweep, strategy.where, nightly_spec(settings, strategy), chosen)
        for strategy in settings.backtest.strategies
        if strategy.sweep
        for chosen in choices(strategy, dict(bars))
    ]


def _search(settings: Settings, sweep: Mapping[str, str], where: str, spec: BacktestSpec, chosen: list[Bars]) -> Search:
    fixed = {name: f"{value:g}" for name, value in spec.params.items()}
    ranges = tuple(f"{name}={values}" for name, values in {**fixed, **sweep}.items())
    research = settings.research
    decides: dict[str, Any] = {
        "format": FORMAT,
        "spec": msgspec.to_builtins(spec),
        "ranges": ranges,
        "where": where,
        "folds": [research.train_bars, research.test_bars],
        "bars": [[one.symbol, one.timeframe, one.input["sha256"]] for one in chosen],
        "code": code_version(spec.strategy),
    }
    if spec.frictions.dividends:
        decides["dividends"] = [digest(one.dividends) for one in chosen if one.dividends is not None]
    return Search(
        spec=spec,
        symbols=tuple(one.symbol for one in chosen),
        ranges=ranges,
        where=where,
        train=research.train_bars,
        test=research.test_bars,
        adjust=settings.backtest.adjust,
        timeframe=chosen[0].timeframe,
        id=identity(decides)[:16],
    )
