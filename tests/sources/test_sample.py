"""The sample: real figures of four stocks, handed over once, with their splits and dividends."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.errors import ConfigError
from pi5_pipelines.settings import IngestSettings, Settings
from pi5_pipelines.sources import open_source
from pi5_pipelines.sources.base import Request
from pi5_pipelines.sources.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from pi5_pipelines.sources.base import Piece

ROWS = {"AAPL": 3270, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}
FIRST = {
    "AAPL": ("2000-03-01", 118.56, 132.06, 118.5, 130.31, 9616100.0),
    "GOOG": ("2004-08-19", 100.01, 104.06, 95.96, 100.335, 44659000.0),
    "IBM": ("2000-03-01", 102.0, 105.5, 100.06, 100.25, 10807800.0),
    "MSFT": ("2000-03-01", 89.62, 94.09, 88.94, 90.81, 53444900.0),
}
LAST = {
    "AAPL": ("2013-03-01", 438.0, 438.1799, 429.98, 430.47, 19730300.0),
    "GOOG": ("2013-03-01", 797.8, 807.14, 796.15, 806.19, 4346400.0),
    "IBM": ("2013-03-01", 200.65, 202.94, 199.36, 202.91, 3308300.0),
    "MSFT": ("2013-03-01", 27.72, 27.98, 27.52, 27.95, 34849700.0),
}


def fetch(request: Request) -> dict[str, Piece]:
    """The pieces of the one batch, by symbol; none when nothing is handed over."""
    batches = list(Sample().fetch(request))
    assert len(batches) <= 1
    return {piece.symbol: piece for batch in batches for piece in batch.pieces}


@pytest.fixture(scope="module")
def everything(nothing_known: pl.DataFrame) -> dict[str, Piece]:
    """What a first fetch hands over."""
    return fetch(Request(nothing_known))


@pytest.fixture(scope="module")
def shipped() -> list[dict[str, str]]:
    """The rows that the package ships."""
    package = find_spec("bokeh_sampledata")
    assert package is not None
    assert package.origin is not None
    with gzip.open(Path(package.origin).parent / "_data" / "stocks.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def days(piece: Piece) -> list[date]:
    return piece.bars["ts"].dt.date().to_list()


def test_four_symbols_are_offered() -> None:
    assert Sample().symbols() == ["AAPL", "GOOG", "IBM", "MSFT"]


def test_the_figures_are_the_real_ones(everything: dict[str, Piece]) -> None:
    assert {symbol: piece.bars.height for symbol, piece in everything.items()} == ROWS
    for symbol, piece in everything.items():
        frame = piece.bars.drop("adj_close")
        found = [(f"{ts:%Y-%m-%d}", *values) for ts, *values in (frame.row(0), frame.row(-1))]
        assert found == [FIRST[symbol], LAST[symbol]]


def test_every_shipped_row_is_handed_over(everything: dict[str, Piece], shipped: list[dict[str, str]]) -> None:
    columns = ("Open", "High", "Low", "Close", "Volume", "Adj Close")
    for symbol, piece in everything.items():
        rows = [
            (datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC), *(float(row[name]) for name in columns))
            for row in shipped
            if row["Ticker"] == symbol
        ]
        assert piece.bars.rows() == rows


def test_a_piece_holds_the_lines_as_they_were_shipped(everything: dict[str, Piece]) -> None:
    piece = everything["GOOG"]
    header, first, *_rest = piece.data.decode().splitlines()
    assert header == "Ticker,Date,Open,High,Low,Close,Volume,Adj Close"
    assert first == "GOOG,2004-08-19,100.01,104.06,95.96,100.335,44659000,50.32284179174976"
    assert piece.file_name == "GOOG_2004-08-19_2013-03-01.csv"
    assert piece.raw_path == f"raw/sample/GOOG/{piece.sha256[:16]}.csv"


def test_nothing_is_handed_over_twice(everything: dict[str, Piece], noted: Callable[..., pl.DataFrame]) -> None:
    assert fetch(Request(noted(*everything.values()))) == {}


def test_another_sources_note_does_not_count(everything: dict[str, Piece], noted: Callable[..., pl.DataFrame]) -> None:
    import polars as pl

    known = noted(*everything.values()).with_columns(source=pl.lit("inbox"))
    assert fetch(Request(known)).keys() == ROWS.keys()


def test_only_symbols_not_received_are_handed_over(
    everything: dict[str, Piece], noted: Callable[..., pl.DataFrame]
) -> None:
    assert fetch(Request(noted(everything["AAPL"], everything["IBM"]))).keys() == {"GOOG", "MSFT"}


def test_only_days_not_received_are_handed_over(
    nothing_known: pl.DataFrame, noted: Callable[..., pl.DataFrame]
) -> None:
    middle = fetch(Request(nothing_known, ("IBM",), date(2005, 1, 1), date(2009, 12, 31)))["IBM"]
    assert (days(middle)[0], days(middle)[-1]) == (date(2005, 1, 3), date(2009, 12, 31))
    rest = fetch(Request(noted(middle), ("IBM",)))["IBM"]
    assert middle.bars.height + rest.bars.height == ROWS["IBM"]
    assert set(days(middle)).isdisjoint(days(rest))
    assert fetch(Request(noted(middle, rest), ("IBM",))) == {}


def test_days_before_the_earliest_are_left_out_until_they_are_named(nothing_known: pl.DataFrame) -> None:
    piece = fetch(Request(nothing_known, ("MSFT",), earliest=date(2013, 2, 1)))["MSFT"]
    assert days(piece)[0] == date(2013, 2, 1)
    named = fetch(Request(nothing_known, ("MSFT",), start=date(2012, 12, 31), earliest=date(2013, 2, 1)))["MSFT"]
    assert days(named)[0] == date(2012, 12, 31)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (date(2013, 2, 27), None, date(2013, 2, 27), date(2013, 3, 1)),
        (None, date(2000, 3, 3), date(2000, 3, 1), date(2000, 3, 3)),
        (date(2001, 9, 8), date(2001, 9, 17), date(2001, 9, 10), date(2001, 9, 17)),
    ],
)
def test_named_days_are_handed_over_again(
    everything: dict[str, Piece],
    noted: Callable[..., pl.DataFrame],
    start: date | None,
    end: date | None,
    first: date,
    last: date,
) -> None:
    piece = fetch(Request(noted(*everything.values()), ("AAPL",), start, end))["AAPL"]
    assert (days(piece)[0], days(piece)[-1]) == (first, last)
    assert piece.bars.equals(everything["AAPL"].bars.filter(everything["AAPL"].bars["ts"].dt.date().is_in(days(piece))))


def test_days_without_prices_hand_over_nothing(nothing_known: pl.DataFrame) -> None:
    assert fetch(Request(nothing_known, (), date(2001, 9, 11), date(2001, 9, 16))) == {}


def actions(piece: Piece, kind: str) -> list[tuple[str, int, int, int]]:
    """An action's day, numerator, denominator and amount."""
    chosen = piece.actions.filter(piece.actions["kind"] == kind)
    return [(f"{ts:%Y-%m-%d}", *rest) for ts, *rest in chosen.drop("symbol", "kind").iter_rows()]


def test_splits_are_read_off_the_adjusted_closes(everything: dict[str, Piece]) -> None:
    splits = {symbol: actions(piece, "split") for symbol, piece in everything.items()}
    assert splits == {
        "AAPL": [("2000-06-21", 2, 1, 0), ("2005-02-28", 2, 1, 0)],
        "GOOG": [],
        "IBM": [],
        "MSFT": [("2003-02-18", 2, 1, 0)],
    }


def test_dividends_are_read_off_the_adjusted_closes(everything: dict[str, Piece]) -> None:
    paid = {symbol: actions(piece, "dividend") for symbol, piece in everything.items()}
    assert {symbol: len(rows) for symbol, rows in paid.items()} == {"AAPL": 3, "GOOG": 0, "IBM": 52, "MSFT": 37}
    # Apple paid 2.65 a share, IBM 0.12, Microsoft once 3.00 + 0.08; the vendor's factors are rounded.
    expected = {"AAPL": ("2012-08-09", 2.65), "IBM": ("2000-05-08", 0.12), "MSFT": ("2004-11-15", 3.08)}
    for symbol, (day, amount) in expected.items():
        found = {row[0]: row[3] / 1e6 for row in paid[symbol]}
        assert found[day] == pytest.approx(amount, rel=0.07)


def test_an_action_on_the_first_of_the_asked_for_days_is_found(nothing_known: pl.DataFrame) -> None:
    piece = fetch(Request(nothing_known, ("AAPL",), date(2005, 2, 28), date(2005, 3, 4)))["AAPL"]
    assert actions(piece, "split") == [("2005-02-28", 2, 1, 0)]
    assert actions(piece, "dividend") == []


def test_other_bars_than_daily_ones_are_not_to_be_had() -> None:
    with pytest.raises(ConfigError, match="source sample has daily bars only, not 1h"):
        open_source("sample", Settings(ingest=IngestSettings(timeframe="1h")))
