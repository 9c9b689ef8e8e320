"""The rulebook compiled: numba turns the plain functions of `trading/` and the event loop into machine code.

numba's on-disk cache looks at one file only, so a changed indicator would go unseen; the cache folder is therefore
named after a hash of every source file that a run depends on, which is also the `code_version` of a result.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType
from typing import TYPE_CHECKING, Any

import trading
from pi5_pipelines.backtest import driver
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.strategy import Strategy

_RULEBOOK = Path(trading.__file__).parent
_NOT_RULES = {"config.py", "errors.py"}  # they decide nothing about a result


def source_hashes() -> dict[str, str]:
    """The sha256 of every source file that decides a result, by its path from the project's root."""
    files = [*sorted(_RULEBOOK.rglob("*.py")), Path(driver.__file__)]
    root = _RULEBOOK.parent
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name not in _NOT_RULES
    }


@cache
def code_version() -> str:
    """Twelve hex digits that change when any line of the rulebook or the event loop changes."""
    lines = "".join(f"{path} {digest}\n" for path, digest in source_hashes().items())
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def cache_folder() -> Path:
    """Where compiled code is kept between runs: PI5_NUMBA_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "pi5" / "numba"
    return Path(os.environ.get("PI5_NUMBA_CACHE", default)) / code_version()


@cache
def compiled_loop(name: str) -> Callable[..., None]:
    """The compiled event loop of the strategy called `name`; the first call of a new code version takes seconds."""
    import numba

    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]  # made at import
    register_rulebook()
    loop: Callable[..., None] = numba.njit(cache=True)(interpreted_loop(strategies.find(name)))
    return loop


def interpreted_loop(strategy: Strategy) -> Callable[..., None]:
    """The same event loop as CPython runs it, for proofs and for debugging a strategy line by line."""
    if strategy.decide is not None:
        return driver.one_symbol(strategy.decide)
    if strategy.allocate is None:
        raise TypeError(strategy.name)
    return driver.many_symbols(strategy.allocate)


@cache
def register_rulebook() -> None:
    """Make every function of the rulebook and of the event loop one that compiled code may call."""
    from numba.extending import register_jitable

    names = [module.name for module in walk_packages(trading.__path__, "trading.")]
    modules: list[Any] = [driver, *map(import_module, names)]
    for module in modules:
        for value in list(vars(module).values()):
            if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not _is_factory(value):
                register_jitable(value)


def _is_factory(function: FunctionType) -> bool:
    return function in (driver.one_symbol, driver.many_symbols)
