"""Files of prices to drop into a folder, and what was received before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pi5_pipelines.sources.base import Piece

HEADER = "Date,Open,High,Low,Close,Volume"
ROWS = ("2024-01-02,1,2,0.5,1.5,10", "2024-01-03,1.5,3,1,2.5,20")


def lines(*rows: str, header: str = HEADER) -> str:
    """A CSV's text; without rows those of two days."""
    return "\n".join([header, *(rows or ROWS), ""])


@pytest.fixture(scope="session")
def csv() -> Callable[..., str]:
    """Make the text of a CSV: `csv(*rows, header=...)`, by default two days of prices."""
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty inbox."""
    path = tmp_path / "inbox"
    path.mkdir()
    return path


@pytest.fixture
def drop(folder: Path) -> Callable[..., Path]:
    """Drop a file: `drop(name)` holds two days, `drop(name, content)` a text or bytes."""

    def write(name: str, content: str | bytes | None = None) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = lines() if content is None else content
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


@pytest.fixture(scope="session")
def nothing_known() -> pl.DataFrame:
    """Table `raw_files` before anything was received."""
    return pl.DataFrame(schema=dict(schema_of("raw_files").columns))


@pytest.fixture(scope="session")
def noted(nothing_known: pl.DataFrame) -> Callable[..., pl.DataFrame]:
    """Table `raw_files` after some pieces were received."""

    def note(*pieces: Piece) -> pl.DataFrame:
        rows = [
            (
                piece.source,
                piece.symbol,
                piece.raw_path,
                piece.sha256,
                len(piece.data),
                piece.bars.height,
                piece.bars["ts"].min(),
                piece.bars["ts"].max(),
            )
            for piece in pieces
        ]
        return pl.DataFrame(rows, schema=nothing_known.schema, orient="row")

    return note
