"""Numbers for the UI, which plots them from night to night: rows, bytes, files, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake

Figures = dict[str, int | float | str]


def table_figures(lake: Lake, table: str) -> Figures:
    """What a table of the lake holds now; nothing for a table that is not there yet."""
    for info in lake.tables():
        if info.name == table:
            return {
                "dagster/row_count": info.rows,
                "bytes": info.bytes,
                "files": info.files,
                "version": info.version,
            }
    return {}
