"""A folder where people drop CSV and Parquet files; files stay where they are, and are taken once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pi5_pipelines.errors import InputFileError
from pi5_pipelines.sources.base import SUFFIXES, Batch, Piece, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SYMBOL_IN_NAME = re.compile(r"[A-Za-z0-9.\-^=]+")


class Inbox:
    """Every readable file under one folder; a file is known by the hash of its content, whatever its name."""

    name = "inbox"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def symbols(self) -> list[str]:
        """The symbols that files are named after; a file with a symbol column may hold others."""
        return sorted({symbol_of(path) for path in self._files()})

    def fetch(self, request: Request) -> Iterator[Batch]:
        """One batch a file that was not taken before, or the reason why a file is refused."""
        import polars as pl

        taken = set(request.known.filter(pl.col("source") == self.name)["path"].to_list())
        for path in self._files():
            try:
                pieces = [
                    piece
                    for piece in _pieces(path)
                    if (not request.symbols or piece.symbol in request.symbols)
                    and (request.anew or piece.raw_path not in taken)
                ]
            except InputFileError as error:
                yield Batch(refused=str(path), reason=str(error))
                continue
            pieces = [piece for piece in (_cut(piece, request) for piece in pieces) if piece.bars.height]
            if pieces:
                yield Batch(pieces)

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(path for path in found if path.name.lower().endswith(SUFFIXES))


def symbol_of(path: Path) -> str:
    """The symbol a file is named after: AAPL.csv, aapl_1d.csv.gz and AAPL-daily.parquet alike are AAPL."""
    stem = path.name
    for suffix in SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
    stem = re.split(r"[_ ]|-(?=[a-z0-9]+$)", stem)[0]
    return stem.upper()


def _pieces(path: Path) -> list[Piece]:
    import polars as pl

    from pi5_pipelines.market.actions import actions_of
    from pi5_pipelines.sources.tabular import read_ohlcv

    frame = read_ohlcv(path)
    data = path.read_bytes()
    if "symbol" not in frame.columns:
        frame = frame.with_columns(pl.lit(symbol_of(path)).alias("symbol"))
    parts = frame.partition_by("symbol", as_dict=True)
    for (symbol,) in parts:
        if not SYMBOL_IN_NAME.fullmatch(str(symbol)):
            raise InputFileError(
                f"symbol {symbol!r} has characters other than letters, digits and . - ^ =",
                where=str(path),
                hint="rename the file after its symbol, or mend its symbol column",
            )
    return [
        Piece(Inbox.name, str(symbol), path.name, data, part.drop("symbol"), actions_of(str(symbol), part))
        for (symbol,), part in parts.items()
    ]


def _cut(piece: Piece, request: Request) -> Piece:
    """Only the asked-for days of a piece."""
    import polars as pl

    keep = pl.col("ts").dt.date().is_between(request.start or request.earliest, request.end or date.max)
    return replace(piece, bars=piece.bars.filter(keep), actions=piece.actions.filter(keep))
