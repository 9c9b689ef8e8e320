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
    from datetime import datetime
    from pathlib import Path

    import polars as pl

    from pi5_pipelines.settings import Settings

NO_PART_OF_SYMBOL = re.compile(r"[_ ].*|-(?:daily|hourly|weekly|minutes?|\d+(?:m|min|h|d|w))$", re.IGNORECASE)
SYMBOL_IN_NAME = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-^=]*")  # not "..", which is a folder


def open_source(settings: Settings) -> Inbox:
    """The inbox of the home."""
    return Inbox(settings.folder("inbox"))


class Inbox:
    """Every readable file under one folder; a file is known by the hash of its content, whatever its name."""

    name = "inbox"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def symbols(self) -> list[str]:
        """The symbols that files are named after; a file with a symbol column may hold others."""
        return sorted({symbol_of(path) for path in self._files()})

    def fetch(self, request: Request) -> Iterator[Batch]:
        """One batch a file with days that were not taken before, or the reason why a file is refused."""
        taken = _taken(request.known)
        seen = set()
        for path in self._files():
            try:
                pieces = [
                    _cut(piece, request)
                    for piece in _pieces(path)
                    if (not request.symbols or piece.symbol in request.symbols) and piece.raw_path not in seen
                ]
            except InputFileError as error:
                yield Batch(refused=str(path), reason=str(error))
                continue
            pieces = [piece for piece in pieces if piece.bars.height and (request.anew or not _is_in(piece, taken))]
            seen |= {piece.raw_path for piece in pieces}
            if pieces:
                yield Batch(pieces)

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = (path for path in self.folder.rglob("*") if path.name.lower().endswith(SUFFIXES) and path.is_file())
        hidden = re.compile(r"(^|/)\.")
        return sorted(path for path in found if not hidden.search(path.relative_to(self.folder).as_posix()))


def symbol_of(path: Path) -> str:
    """The symbol a file is named after: AAPL.csv, aapl_1d.csv.gz, AAPL-daily.parquet are AAPL, brk-b.csv BRK-B."""
    stem = path.name
    for suffix in SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
    return NO_PART_OF_SYMBOL.sub("", stem).upper()


def _taken(known: pl.DataFrame) -> dict[str, tuple[datetime, datetime]]:
    """From when to when each file was taken: its other days are still to be had."""
    import polars as pl

    mine = known.filter(pl.col("source") == Inbox.name)
    return {path: (first, last) for path, first, last in mine.select("path", "first_ts", "last_ts").iter_rows()}


def _is_in(piece: Piece, taken: dict[str, tuple[datetime, datetime]]) -> bool:
    if piece.raw_path not in taken:
        return False
    first, last = taken[piece.raw_path]
    return bool(first <= piece.bars["ts"].min() and piece.bars["ts"].max() <= last)  # type: ignore[operator]


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
                f"symbol {symbol!r} is not made of letters, digits and . - ^ = after a letter, a digit or ^",
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
