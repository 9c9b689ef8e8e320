"""Strategies with something put around them, compiled: the rules inside stay those of the rulebook."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.backtest import compiled, driver
from pi5_pipelines.backtest.code_version import rule_version
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def wrapped_loop(
    name: str, around_decide: Callable[..., Callable[..., float]], around_allocate: Callable[..., Callable[..., bool]]
) -> Callable[..., None]:
    """The compiled event loop of a strategy whose rule is what `around_...` make of it.

    numba's cache looks at one file, so its folder is named after the sources of the rulebook and of this package.
    """
    import numba
    from numba.extending import register_jitable

    compiled.register_rulebook()
    total = hashlib.sha256(rule_version().encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        total.update(file.read_bytes())
    folder = compiled.cache_folder().parent / f"wrapped-{total.hexdigest()[:12]}"
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # made at import
    strategy = strategies.find(name)
    if strategy.decide is not None:
        loop = driver.one_symbol(register_jitable(around_decide(strategy.decide)))
    elif strategy.allocate is not None:
        loop = driver.many_symbols(register_jitable(around_allocate(strategy.allocate)))
    else:
        raise TypeError(name)
    made: Callable[..., None] = numba.njit(cache=True)(loop)
    return made
