"""A folder where people drop CSV and Parquet files; files stay where they are, and are taken once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pi5_pipelines.errors import InputFileError
from pi5_pipelines.sources.base import SUFFIXES, Batch, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pi5_pipelines.settings import Settings

NO_PART_OF_SYMBOL = re.compile(r"[_ ].*|-(?:daily|hourly|weekly|minutes?|\d+(?:m|min|h|d|w))$", re.IGNORECASE)


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
        from pi5_pipelines.sources.tabular import pieces_of

        seen = set()
        for path in self._files():
            try:
                data = path.read_bytes()
                pieces = request.missing(pieces_of(self.name, path.name, data, symbol_of(path), str(path)))
            except (OSError, InputFileError) as error:
                yield Batch(refused=str(path), reason=str(error))
                continue
            fresh = [piece for piece in pieces if piece.raw_path not in seen]
            seen |= {piece.raw_path for piece in fresh}
            if fresh:
                yield Batch(fresh)

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
