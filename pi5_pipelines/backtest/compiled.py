"""The rulebook compiled: numba turns the plain functions of `trading/` and the event loop into machine code.

numba's on-disk cache looks at one file only, so a changed indicator would go unseen; the cache folder is therefore
named after a hash of every source file that a run depends on, which is also the `code_version` of a result. A changed
strategy file changes that strategy's version and no other's.
"""

from __future__ import annotations

import ast
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
_FOLDER, _PACKAGE, _STRATEGIES = Path(strategies.__path__[0]), strategies.__name__, frozenset(strategies.names())
_NOT_RULES = {"config.py", "errors.py"}  # they decide nothing about a result


def source_hashes(strategy: str | None = None) -> dict[str, str]:
    """The sha256 of every source file that decides a result, by its path from the project's root.

    For a named strategy, files of other strategies count only where its own file imports them.
    """
    files = [*sorted(_RULEBOOK.rglob("*.py")), Path(driver.__file__)]
    if strategy is not None:
        others = _STRATEGIES - _with_imported(strategy)
        files = [file for file in files if file.parent != _FOLDER or file.stem not in others]
    root = _RULEBOOK.parent
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name not in _NOT_RULES
    }


def _with_imported(strategy: str) -> set[str]:
    """A strategy and those whose modules it imports, and so on."""
    found, new = set[str](), {strategy}
    while new:
        found |= new
        trees = [ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8")) for name in new]
        nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names = {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
        new = {one for one in _STRATEGIES for name in names if f"{name}.".startswith(f"{_PACKAGE}.{one}.")} - found
    return found


@cache
def code_version(strategy: str | None = None) -> str:
    """Twelve hex digits that change when any line changes that decides a result (of one strategy, if named)."""
    lines = "".join(f"{path} {digest}\n" for path, digest in source_hashes(strategy).items())
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def cache_folder(strategy: str | None = None) -> Path:
    """Where compiled code is kept between runs: PI5_NUMBA_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "pi5" / "numba"
    return Path(os.environ.get("PI5_NUMBA_CACHE", default)) / code_version(strategy)


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
