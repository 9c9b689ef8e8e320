"""The process that compiles a part of what all accounts on many symbols share, and takes its memory with it.

Compiled one after the other in the engine, the parts would take it beyond the memory that a sweep may use unless told.
"""

from __future__ import annotations

import sys

from pi5_pipelines.backtest.compiled import POOL_CORE, cache_folder, pool_core

SYMBOLS = 2  # any number: machine code does not depend on it


def missing_parts() -> list[str]:
    """The parts whose machine code is not on disk."""
    return [part for part in POOL_CORE if not any(cache_folder("").glob(f"*/pool_session.{part}-*.nbi"))]


def compile_part(part: str) -> None:
    """Compile a part for the arrays that runs use, by calling it on an account that holds nothing and has no bars."""
    import numpy as np

    from trading.frictions import Frictions
    from trading.pool import Pool, Rooms, new_pool
    from trading.risk import Limits

    lists = new_pool(1.0, [Frictions()] * SYMBOLS, Limits(), Rooms(1, 0, 1, 0), reviewed=False)
    now = np.int64(0), np.int64(0)
    pool_core(part)(Pool(*(np.array(one) for one in lists)), 0, *now[: POOL_CORE[part]], False)  # noqa: FBT003 - as the loop calls it


def main() -> int:
    """Compile the part that is named on stdin."""
    from pi5_pipelines.sweep.kernel import load_compiler

    load_compiler()
    compile_part(sys.stdin.read())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
