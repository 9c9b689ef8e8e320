"""Data files that are torn or gone, told in one line wherever a table's files are read."""

from __future__ import annotations

import polars as pl

from pi5_pipelines.errors import LakeDamagedError

HINT = "an old version may have been vacuumed; a current one is restored with `pi5 backup restore`"


def collect(scan: pl.LazyFrame, table: str) -> pl.DataFrame:
    """Read what was scanned of a table's data files; raises LakeDamagedError when one of them cannot be."""
    try:
        return scan.collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise LakeDamagedError(
            f"a data file cannot be read: {error}", where=f"lake table {table}", hint=HINT
        ) from error
