"""The block of a strategy as machine code, kept on disk between runs."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import compiled, trades
from pi5_pipelines.sweep import block, tally
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

LINEAR_ALGEBRA = "scipy.linalg"


@cache
def sweep_version(strategy: str) -> str:
    """Twelve hex digits that change when any line changes that decides a figure of this strategy's sweeps."""
    total = hashlib.sha256(compiled.code_version(strategy).encode())
    for module in (block, tally, trades):
        total.update(Path(str(module.__file__)).read_bytes())
    return total.hexdigest()[:12]


@cache
def compiled_block(name: str) -> Callable[..., int]:
    """The compiled block of the strategy called `name`; the first call of a new code version takes seconds."""
    import numba
    from numba.extending import register_jitable
    from numba.np.unsafe.ndarray import to_fixed_tuple

    _load_compiler()
    compiled.register_rulebook()
    numba.config.CACHE_DIR = str(compiled.cache_folder().parent / f"sweep-{sweep_version(name)}")  # type: ignore[attr-defined]  # made at import
    for value in vars(tally).values():
        if isinstance(value, FunctionType) and value.__module__ == tally.__name__:
            register_jitable(value)
    strategy = strategies.find(name)
    loop = _named(compiled.interpreted_loop(strategy), f"sweep_run_{name}")
    if strategy.many_symbols:
        run = register_jitable(loop)
        return numba.njit(cache=True, nogil=True)(_named(block.many_symbols_block(run, strategy.memory), f"sweep_{name}"))
    run = register_jitable(**compiled.INLINE)(loop)
    made = block.one_symbol_block(run, strategy.memory, to_fixed_tuple, len(strategy.parameters))
    return numba.njit(cache=True, nogil=True, **compiled.UNCOUNTED)(_named(made, f"sweep_{name}"))


def _load_compiler() -> None:
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
