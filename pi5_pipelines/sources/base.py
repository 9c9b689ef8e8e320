"""What a source of prices is: it says what it offers and hands over what is missing, as received and parsed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl


SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Piece:
    """One symbol's new prices: `data` as received, `bars` parsed (ts, open, high, low, close, volume as real numbers).

    `actions` are splits and dividends as table `corporate_actions` holds them, empty where the source knows none.
    """

    source: str
    symbol: str
    file_name: str
    data: bytes
    bars: pl.DataFrame
    actions: pl.DataFrame

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def raw_path(self) -> str:
        """Where the content is kept below the lake: named by itself, so the same bytes are the same file."""
        suffix = next((suffix for suffix in SUFFIXES if self.file_name.lower().endswith(suffix)), SUFFIXES[0])
        return f"raw/{self.source}/{self.symbol}/{self.sha256[:16]}{suffix}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces that go into the lake together (none: nothing new), or the file that was refused and why."""

    pieces: Sequence[Piece] = ()
    refused: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a source: some symbols (none: all) and days (both ends included; none: whatever is missing).

    `known` is table `raw_files`: what was received before. Days before `earliest` are only handed over when `start`
    names them.
    """

    known: pl.DataFrame
    symbols: Sequence[str] = field(default_factory=tuple)
    start: date | None = None
    end: date | None = None
    earliest: date = date.min

    @property
    def anew(self) -> bool:
        """Whether days are named, which are then fetched again though they were received before."""
        return self.start is not None or self.end is not None

    def wants(self, day: date) -> bool:
        """Whether a day lies in what is asked for."""
        return (self.start or self.earliest) <= day <= (self.end or date.max)

    def missing(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Of what a source has, what is asked for and was not received before, cut to the asked-for days."""
        wanted = [self._cut(one) for one in pieces if not self.symbols or one.symbol in self.symbols]
        return [one for one in wanted if one.bars.height and (self.anew or not self._received(one))]

    def _cut(self, piece: Piece) -> Piece:
        import polars as pl

        keep = pl.col("ts").dt.date().is_between(self.start or self.earliest, self.end or date.max)
        return replace(piece, bars=piece.bars.filter(keep), actions=piece.actions.filter(keep))

    def _received(self, piece: Piece) -> bool:
        """Whether this content was received before, with all its days."""
        import polars as pl

        same = self.known.filter((pl.col("source") == piece.source) & (pl.col("path") == piece.raw_path))
        covers = (pl.col("first_ts") <= piece.bars["ts"].min()) & (pl.col("last_ts") >= piece.bars["ts"].max())
        return not same.filter(covers).is_empty()


class Source(Protocol):
    """A new source is one module with `open_source(settings)`, which answers this, and its name in `OFFERED`."""

    name: str

    def symbols(self) -> list[str]:
        """The symbols it offers; raises SourceError when it cannot say."""

    def fetch(self, request: Request) -> Iterator[Batch]:
        """Hand over what is missing, batch by batch; nothing when nothing is."""
