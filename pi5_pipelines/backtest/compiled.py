"""The rulebook compiled: numba turns the plain functions of `trading/` and the event loop into machine code.

numba's on-disk cache looks at one file only, so a changed indicator would go unseen; the cache folder is therefore
named after a hash of every source file that is compiled. A changed strategy file changes that strategy's folder and no
other's.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType
from typing import TYPE_CHECKING, Any

import trading
from pi5_pipelines.backtest import driver, loop_orders, loop_pool, loop_portfolio
from pi5_pipelines.backtest.code_version import rule_version
from pi5_pipelines.errors import BacktestError
from trading import pool_session, session, strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.strategy import Strategy

_ORDER_MODULES = {
    "account",
    "broker",
    "contingency",
    "exposure",
    "fees",
    "filling",
    "financing",
    "frictions",
    "ledger",
    "loop_orders",
    "margin",
    "matching",
    "order",
    "order_checks",
    "placing",
    "pool",
    "pool_session",
    "session",
    "slippage",
}
# The code of orders makes no arrays; without counting references to them it is four times as fast. Such a function must
# not answer arrays to one that counts.
UNCOUNTED: Any = {"_nrt": False}
# A decision is asked for at every bar; as part of the loop it costs no call.
INLINE: Any = {"forceinline": True}
# What lies around a decision over many symbols, and how many times of day each takes.
POOL_CORE = {"open_bar": 2, "close_bar": 1}
# Factories of loops, and what is compiled on its own.
_NOT_JITTED: set[Any] = {
    driver.one_symbol,
    driver.many_symbols,
    loop_orders.placing_orders,
    loop_orders.naming_targets,
    loop_orders.before_strategy,
    session.finish,
    loop_portfolio.portfolio,
    loop_pool.naming_weights,
    loop_pool.naming_quantities,
    loop_pool.placing_everywhere,
    pool_session.open_bar,
    pool_session.close_bar,
}


def cache_folder(strategy: str | None = None) -> Path:
    """Where compiled code is kept between runs: PI5_NUMBA_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "pi5" / "numba"
    return Path(os.environ.get("PI5_NUMBA_CACHE", default)) / rule_version(strategy)


@cache
def compiled_loop(name: str) -> Callable[..., None]:
    """The compiled event loop of the strategy called `name`; the first call of a new code version takes seconds."""
    import numba

    numba.config.CACHE_DIR = str(cache_folder(name))  # type: ignore[attr-defined]  # made at import
    register_rulebook()
    loop: Callable[..., None] = numba.njit(cache=True)(interpreted_loop(strategies.find(name)))
    return loop


def interpreted_loop(strategy: Strategy) -> Callable[..., None]:
    """The same event loop as CPython runs it, for proofs and for debugging a strategy line by line."""
    if strategy.decide is not None:
        return driver.one_symbol(strategy.decide)
    if strategy.allocate is None:
        raise BacktestError(
            "it places orders, which the plain loop does not trade",
            where=f"strategy {strategy.name}",
            hint="run it with `pi5 backtest`",
        )
    return driver.many_symbols(strategy.allocate)


@cache
def compiled_portfolio_loop(name: str) -> Callable[..., None]:
    """The compiled loop of portfolios with limits and a calendar, of the strategy called `name`."""
    import numba

    numba.config.CACHE_DIR = str(cache_folder(name))  # type: ignore[attr-defined]  # made at import
    register_rulebook()
    loop: Callable[..., None] = numba.njit(cache=True)(interpreted_portfolio_loop(strategies.find(name)))
    return loop


def interpreted_portfolio_loop(strategy: Strategy) -> Callable[..., None]:
    """The same loop of portfolios as CPython runs it."""
    if strategy.allocate is None:
        raise BacktestError("it trades one symbol", where=f"strategy {strategy.name}", hint="leave the limits out")
    return loop_portfolio.portfolio(strategy.allocate)


@cache
def compiled_orders_loop(name: str) -> Callable[..., None]:
    """The compiled loop of orders of the strategy called `name`; what all strategies share is compiled once."""
    import numba

    share_order_core()
    register_rulebook()
    numba.config.CACHE_DIR = str(cache_folder(name))  # type: ignore[attr-defined]  # made at import
    loop: Callable[..., None] = numba.njit(cache=True, **UNCOUNTED)(interpreted_orders_loop(strategies.find(name)))
    return loop


def interpreted_orders_loop(strategy: Strategy) -> Callable[..., None]:
    """The same loop of orders as CPython runs it."""
    if strategy.trade is not None:
        return loop_orders.placing_orders(strategy.trade)
    if strategy.decide is None:
        raise BacktestError("it trades many symbols, and the loop of orders one", where=f"strategy {strategy.name}")
    return loop_orders.naming_targets(strategy.decide)


@cache
def compiled_pool_loop(name: str) -> Callable[..., None]:
    """The compiled loop of accounts on many symbols, of the strategy called `name`, shared as that of orders."""
    import numba

    share_pool_core()
    register_rulebook()
    numba.config.CACHE_DIR = str(cache_folder(name))  # type: ignore[attr-defined]  # made at import
    loop: Callable[..., None] = numba.njit(cache=True)(interpreted_pool_loop(strategies.find(name)))
    return loop


def interpreted_pool_loop(strategy: Strategy) -> Callable[..., None]:
    """The same loop of accounts that hold many symbols as CPython runs it."""
    if strategy.allocate is not None:
        return loop_pool.naming_weights(strategy.allocate)
    if strategy.hold is not None:
        return loop_pool.naming_quantities(strategy.hold)
    if strategy.trade_all is None:
        raise BacktestError("it trades one symbol", where=f"strategy {strategy.name}", hint="run it on one")
    return loop_pool.placing_everywhere(strategy.trade_all)


@cache
def share_order_core() -> None:
    """Compile what lies around a strategy's decision into machine code of its own, kept for all strategies.

    A function called this way is not compiled anew into each strategy's loop, which is most of the work.
    """
    import numba
    from numba.extending import overload

    register_rulebook()
    numba.config.CACHE_DIR = str(cache_folder(""))  # type: ignore[attr-defined]  # made at import
    before = numba.njit(cache=True, **UNCOUNTED)(loop_orders.before_strategy)
    after = numba.njit(cache=True, **UNCOUNTED)(session.finish)

    # numba reads the parameters' names off these functions: they are those of the functions they stand for.
    @overload(loop_orders.before_strategy, jit_options=UNCOUNTED)
    def _before(columns, inside, dividends, desk, i, bar, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def run(columns, inside, dividends, desk, i, bar, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return before(columns, inside, dividends, desk, i, bar, last)

        return run

    @overload(session.finish, jit_options=UNCOUNTED)
    def _after(desk, i, bar, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def run(desk, i, bar, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return after(desk, i, bar, last)

        return run


@cache
def pool_core(part: str) -> Callable[..., None]:
    """A part of POOL_CORE, compiled when it is first called, or fetched from disk."""
    import numba

    register_rulebook()
    numba.config.CACHE_DIR = str(cache_folder(""))  # type: ignore[attr-defined]  # made at import
    made: Callable[..., None] = numba.njit(cache=True, **UNCOUNTED)(getattr(pool_session, part))
    return made


@cache
def share_pool_core() -> None:
    """The same for what lies around a decision over many symbols."""
    from numba.extending import overload

    before, after = pool_core("open_bar"), pool_core("close_bar")

    @overload(pool_session.open_bar, jit_options=UNCOUNTED)
    def _before(pool, i, now_us, before_us, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def run(pool, i, now_us, before_us, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return before(pool, i, now_us, before_us, last)

        return run

    @overload(pool_session.close_bar, jit_options=UNCOUNTED)
    def _after(pool, i, now_us, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def run(pool, i, now_us, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return after(pool, i, now_us, last)

        return run


_REGISTERED: set[FunctionType] = set()


def register_rulebook() -> None:
    """Make every function of the rulebook and of the event loop one that compiled code may call, each once."""
    from numba.extending import register_jitable

    names = [module.name for module in walk_packages(trading.__path__, "trading.")]
    modules: list[Any] = [driver, loop_orders, loop_pool, loop_portfolio, *map(import_module, names)]
    for module in modules:
        by_orders = module.__name__.rpartition(".")[2] in _ORDER_MODULES
        for value in list(vars(module).values()):
            own = isinstance(value, FunctionType) and value.__module__ == module.__name__
            if own and value not in _NOT_JITTED and value not in _REGISTERED:
                _REGISTERED.add(value)
                options = UNCOUNTED if by_orders else INLINE if value.__name__ == "decide" else {}
                register_jitable(**options)(value) if options else register_jitable(value)
