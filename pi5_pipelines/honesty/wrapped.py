"""Strategies with something put around them, compiled: the rules inside stay those of the rulebook."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pi5_pipelines.backtest import compiled, driver, loop_orders, loop_pool, loop_portfolio
from pi5_pipelines.backtest.code_version import rule_version
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable


_OF_WEIGHTS = {
    "plain": driver.many_symbols,
    "portfolio": loop_portfolio.portfolio,
    "pool": loop_pool.naming_weights,
}


class Wrapping(NamedTuple):
    """What is put around each kind of rule, and the functions that it calls.

    Without `trade` and `trade_all` strategies that place orders are not wrapped.
    """

    decide: Callable[..., Callable[..., float]]
    allocate: Callable[..., Callable[..., bool]]
    hold: Callable[..., Callable[..., bool]]
    trade: Callable[..., Callable[..., None]] | None = None
    trade_all: Callable[..., Callable[..., None]] | None = None
    beside: tuple[Callable[..., Any], ...] = ()


@cache
def wrapped_loop(name: str, loop: str, around: Wrapping) -> Callable[..., None]:
    """The compiled event loop of a strategy whose rule is what `around` makes of it; `loop` as in BacktestSpec.loop.

    numba's cache looks at one file, so its folder is named after the sources of the rulebook and of this package.
    """
    import numba
    from numba.extending import register_jitable

    if loop == "orders":
        compiled.share_order_core()
    if loop == "pool":
        compiled.share_pool_core()
    compiled.register_rulebook()
    total = hashlib.sha256(rule_version().encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        total.update(file.read_bytes())
    folder = compiled.cache_folder().parent / f"wrapped-{total.hexdigest()[:12]}"
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # made at import
    strategy = strategies.find(name)
    make: Any  # of three kinds
    rule: Any
    options = compiled.UNCOUNTED if loop == "orders" else {}
    jitable = register_jitable(**options) if options else register_jitable
    if strategy.decide is not None:
        make, rule = driver.one_symbol, around.decide(strategy.decide)
        make = loop_orders.naming_targets if loop == "orders" else make
    elif strategy.allocate is not None:
        make, rule = _OF_WEIGHTS[loop], around.allocate(strategy.allocate)
    elif strategy.hold is not None:
        make, rule = loop_pool.naming_quantities, around.hold(strategy.hold)
    elif strategy.trade is not None and around.trade is not None:
        make, rule = loop_orders.placing_orders, around.trade(strategy.trade)
    elif strategy.trade_all is not None and around.trade_all is not None:
        make, rule = loop_pool.placing_everywhere, around.trade_all(strategy.trade_all)
    else:
        raise TypeError(name)
    for function in around.beside:
        register_jitable(function)
    run = make(jitable(rule))
    # Machine code from disk is linked by names, and must not meet its like.
    run.__name__ = run.__qualname__ = f"{rule.__name__}_{loop}_{name}"
    made: Callable[..., None] = numba.njit(cache=True, **options)(run)
    return made
