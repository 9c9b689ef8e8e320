"""Tables of a sweep as Parquet: a chunk is written whole in memory; chunks are joined without being held at once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

ROWS_PER_GROUP = 32_768


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and values: a float array (NaN is written as null), an int64 or bool array, or texts or None.

    A float array that is `whole` becomes integers.
    """

    name: str
    values: NDArray[Any] | Sequence[str | None]
    whole: bool = False

    def series(self) -> pl.Series:
        """The column as it is written."""
        import polars as pl

        texts = not hasattr(self.values, "dtype")
        made = pl.Series(self.name, self.values, dtype=pl.String if texts else None)
        made = made.fill_nan(None) if made.dtype == pl.Float64 else made
        return made.cast(pl.Int64) if self.whole else made


def table_bytes(columns: Sequence[Column]) -> bytes:
    """A whole Parquet file, the same to the byte for the same columns."""
    import polars as pl

    written = io.BytesIO()
    pl.DataFrame([column.series() for column in columns]).write_parquet(written, compression="zstd", statistics=False)
    return written.getvalue()


def row_count(path: Path) -> int:
    """How many rows a file holds; raises ValueError when it is no whole Parquet file."""
    import polars as pl

    try:
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error


def read_columns(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Columns by name: numbers as arrays, null as NaN; texts as lists."""
    import polars as pl

    frame = pl.read_parquet(path, columns=list(names), glob=False)
    return {name: frame[name].to_list() if frame[name].dtype == pl.String else frame[name].to_numpy() for name in names}


def join(paths: Sequence[Path], out: BinaryIO) -> int:
    """Write the rows of some files as one, in their order; answers how many."""
    import polars as pl

    pl.scan_parquet(list(paths), glob=False).sink_parquet(
        out, compression="zstd", statistics=False, row_group_size=ROWS_PER_GROUP, maintain_order=True
    )
    return sum(map(row_count, paths))
