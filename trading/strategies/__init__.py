"""The strategies that ship: every module of this folder that defines `STRATEGY`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from trading.errors import StrategyError
from trading.strategy import Strategy


def names() -> list[str]:
    """All strategies' names, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__))


def find(name: str) -> Strategy:
    """The strategy of that name; raises StrategyError listing those there are."""
    if name not in names():
        raise StrategyError(name, f"no such strategy; there are: {', '.join(names())}")
    strategy = import_module(f"{__name__}.{name}").STRATEGY
    if not isinstance(strategy, Strategy) or strategy.name != name:
        raise StrategyError(name, "its file must define STRATEGY with the file's own name")
    return strategy
