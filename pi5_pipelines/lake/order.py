"""Whether rows lie in order of their key already: most do, and then nothing need be hashed or sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence


def rises(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether the rows stand in strict order of the key, so that no key is there twice; it holds no nulls."""
    if frame.height < 2:  # noqa: PLR2004 - one row is sorted
        return True
    rising = pl.lit(value=False)
    for name in reversed(key):
        column, before = pl.col(name), pl.col(name).shift(1)
        rising = (column > before) | ((column == before) & rising)
    return bool(frame.select(rising.slice(1).all()).item())
