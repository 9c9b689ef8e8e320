"""The block of a strategy as machine code, kept on disk between runs."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import compiled, frictions, run_orders, run_pool, trades
from pi5_pipelines.backtest.code_version import rule_version
from pi5_pipelines.sweep import block, block_orders, block_pool, block_portfolio, tally, terms
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

LINEAR_ALGEBRA = "scipy.linalg"


@cache
def sweep_version(strategy: str) -> str:
    """Twelve hex digits that change when any line changes that decides a figure of this strategy's sweeps."""
    total = hashlib.sha256(rule_version(strategy).encode())
    for module in (
        block,
        block_orders,
        block_pool,
        block_portfolio,
        tally,
        terms,
        frictions,
        run_orders,
        run_pool,
        trades,
    ):
        total.update(Path(str(module.__file__)).read_bytes())
    return total.hexdigest()[:12]


@cache
def compiled_block(name: str, loop: str = "plain") -> Callable[..., int]:
    """The compiled block of a strategy in its "plain" loop, or in another one (BacktestSpec.loop).

    The first call of a new code version takes seconds. References are not counted, which would be a third of the work
    of a plain loop on one symbol, unless the strategy makes lists or arrays.
    """
    import numba
    from numba.core.errors import NumbaError

    load_compiler()
    if loop == "orders":
        compiled.share_order_core()
    if loop == "pool":
        compiled.share_pool_core()
    compiled.register_rulebook()
    numba.config.CACHE_DIR = str(compiled.cache_folder().parent / f"sweep-{sweep_version(name)}")  # type: ignore[attr-defined]  # made at import
    _register(tally)
    if loop != "plain":
        return _made_of_more(name, loop)
    if strategies.find(name).many_symbols:
        return _made(name, {})
    made = _made(name, compiled.UNCOUNTED)

    def run(*given: Any) -> int:  # noqa: ANN401 - what a block takes
        nonlocal made
        try:
            return made(*given)
        except NumbaError:
            made = _made(name, {})
            return made(*given)

    return run


def _made(name: str, options: dict[str, Any]) -> Callable[..., int]:
    import numba
    from numba.extending import register_jitable

    strategy, suffix = strategies.find(name), "" if options else "_counted"
    loop = _named(compiled.interpreted_loop(strategy), f"sweep_run_{name}{suffix}")
    if strategy.many_symbols:
        made = block.many_symbols_block(register_jitable(loop), strategy.memory)
    else:
        run = register_jitable(**compiled.INLINE)(loop)
        made = block.one_symbol_block(run, strategy.memory, _as_tuple(len(strategy.parameters)))
    found: Callable[..., int] = numba.njit(cache=True, nogil=True, **options)(_named(made, f"sweep_{name}{suffix}"))
    return found


def _made_of_more(name: str, loop: str) -> Callable[..., int]:
    """The block of the loop of orders, of that of portfolios, or of that of pooled accounts."""
    import numba
    from numba.extending import register_jitable

    strategy, called = strategies.find(name), f"{loop}_{name}"
    if loop == "orders":
        orders = _named(compiled.interpreted_orders_loop(strategy), f"sweep_run_{called}")
        made = block_orders.orders_block(register_jitable(**compiled.UNCOUNTED)(orders), strategy.memory)
    elif loop == "pool":
        pool = _named(compiled.interpreted_pool_loop(strategy), f"sweep_run_{called}")
        _register(block_pool)
        made = block_pool.pool_block(register_jitable(pool), strategy.memory)
    else:
        portfolio = _named(compiled.interpreted_portfolio_loop(strategy), f"sweep_run_{called}")
        run = _named(block_portfolio.with_terms(register_jitable(portfolio)), f"sweep_terms_{called}")
        made = block.many_symbols_block(register_jitable(run), strategy.memory)
    found: Callable[..., int] = numba.njit(cache=True, nogil=True)(_named(made, f"sweep_{called}"))
    return found


def _register(module: ModuleType) -> None:
    """Let compiled code call a module's functions."""
    from numba.extending import register_jitable

    for value in vars(module).values():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            register_jitable(value)


def _as_tuple(count: int) -> Callable[[Any], Any]:
    """A function that makes a tuple of an array's `count` numbers, built up since its length is part of its type."""
    from numba.extending import register_jitable

    def nothing(_row: Any) -> tuple[()]:  # noqa: ANN401 - an array, when compiled
        return ()

    if not count:
        return register_jitable(_named(nothing, "sweep_tuple_0"))
    shorter = _as_tuple(count - 1)

    def longer(row: Any) -> tuple[float, ...]:  # noqa: ANN401 - as above
        return (*shorter(row), row[count - 1])

    return register_jitable(_named(longer, f"sweep_tuple_{count}"))


def load_compiler() -> None:
    """Have numba load all that it compiles with, but for SciPy's linear algebra: 50 MB, and no strategy uses it."""
    from numba.core.registry import cpu_target

    hidden = LINEAR_ALGEBRA not in sys.modules
    if hidden:
        sys.modules[LINEAR_ALGEBRA] = None  # type: ignore[assignment]  # an import of it fails, which numba is used to
    try:
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
    finally:
        if hidden:
            del sys.modules[LINEAR_ALGEBRA]


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function under a name of its own: machine code from disk is linked by names, and must not meet its like."""
    function.__name__ = function.__qualname__ = name
    return function
