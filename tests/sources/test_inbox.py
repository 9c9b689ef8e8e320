"""The inbox: files of many names and contents are taken once, and a bad one keeps no other out."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.settings import Settings
from pi5_pipelines.sources import OFFERED, open_source
from pi5_pipelines.sources.base import Request
from pi5_pipelines.sources.inbox import Inbox, symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sources.base import Batch, Piece

OTHER = "2024-01-04,1,2,0.5,1.5,30"
MANY = "Symbol,Date,Open,High,Low,Close,Volume"


@pytest.fixture
def fetch(folder: Path, nothing_known: pl.DataFrame) -> Callable[..., list[Batch]]:
    """Fetch from the inbox: `fetch(known, symbols, start, end, earliest)`, by default everything for the first time."""

    def run(known: pl.DataFrame = nothing_known, *rest: object, **options: object) -> list[Batch]:
        return list(Inbox(folder).fetch(Request(known, *rest, **options)))  # type: ignore[arg-type]

    return run


def pieces(batches: list[Batch]) -> list[Piece]:
    return [piece for batch in batches for piece in batch.pieces]


def days(piece: Piece) -> list[int]:
    return piece.bars["ts"].dt.day().to_list()


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAPL.csv", "AAPL"),
        ("aapl.csv", "AAPL"),
        ("aapl_1d.csv.gz", "AAPL"),
        ("AAPL-daily.parquet", "AAPL"),
        ("AAPL 2024.csv", "AAPL"),
        ("AAPL.CSV.GZ", "AAPL"),
        ("BTC-USD.csv", "BTC-USD"),
        ("btc-usd-5m.csv", "BTC-USD"),
        ("brk-b.csv", "BRK-B"),
        ("BRK.B.csv", "BRK.B"),
        ("^GSPC.csv", "^GSPC"),
        ("EURUSD=X_1d.parquet", "EURUSD=X"),
    ],
)
def test_a_file_is_named_after_its_symbol(name: str, symbol: str) -> None:
    assert symbol_of(Path(name)) == symbol


def test_the_inbox_is_opened_by_name_in_the_home(tmp_path: Path) -> None:
    assert [open_source(name, Settings(home=str(tmp_path))).name for name in OFFERED] == list(OFFERED)
    opened = open_source("inbox", Settings(home=str(tmp_path)))
    assert isinstance(opened, Inbox)
    assert opened.folder == tmp_path / "inbox"
    with pytest.raises(UnknownNameError, match=r"no such source: 'outbox' \(there are: sample, inbox\)"):
        open_source("outbox", Settings())


def test_a_file_is_handed_over_as_it_is_and_parsed(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]]
) -> None:
    path = drop("aapl_1d.csv")
    (piece,) = pieces(fetch())
    assert (piece.source, piece.symbol, piece.file_name) == ("inbox", "AAPL", "aapl_1d.csv")
    assert piece.data == path.read_bytes()
    assert piece.bars.row(0) == (datetime(2024, 1, 2, tzinfo=UTC), 1.0, 2.0, 0.5, 1.5, 10.0)
    assert piece.raw_path == f"raw/inbox/AAPL/{piece.sha256[:16]}.csv"


def test_files_of_every_kind_are_found_in_folders_too(
    drop: Callable[..., Path], csv: Callable[..., str], folder: Path, fetch: Callable[..., list[Batch]]
) -> None:
    drop("A.csv")
    drop("2024/january/B.csv.gz", gzip.compress(csv().encode()))
    pl.read_csv(drop("C.txt")).write_parquet(folder / "C.parquet")
    found = sorted((piece.symbol, Path(piece.raw_path).name[16:]) for piece in pieces(fetch()))
    assert found == [("A", ".csv"), ("B", ".csv.gz"), ("C", ".parquet")]
    assert Inbox(folder).symbols() == ["A", "B", "C"]


@pytest.mark.parametrize("name", [".A.csv", ".Trash/A.csv", "new/.part/A.csv", "A.txt", "A.csv.tmp", "A", "A.xlsx"])
def test_hidden_files_and_other_kinds_are_passed_over(
    drop: Callable[..., Path], folder: Path, fetch: Callable[..., list[Batch]], name: str
) -> None:
    drop(name)
    (folder / "B.csv").mkdir()
    assert Inbox(folder).symbols() == []
    assert fetch() == []


def test_no_folder_is_an_empty_inbox(tmp_path: Path, nothing_known: pl.DataFrame) -> None:
    inbox = Inbox(tmp_path / "none")
    assert (inbox.symbols(), list(inbox.fetch(Request(nothing_known)))) == ([], [])


def test_a_content_is_taken_once_whatever_its_name(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]], noted: Callable[..., pl.DataFrame]
) -> None:
    path = drop("AAPL.csv")
    drop("AAPL_copy.csv")
    taken = pieces(fetch())
    assert len(taken) == 1
    assert fetch(noted(*taken)) == []
    path.rename(path.with_name("aapl_again.csv"))
    assert fetch(noted(*taken)) == []


def test_changed_content_is_taken_anew(
    drop: Callable[..., Path],
    csv: Callable[..., str],
    fetch: Callable[..., list[Batch]],
    noted: Callable[..., pl.DataFrame],
) -> None:
    drop("A.csv")
    (before,) = pieces(fetch())
    drop("A.csv", csv() + OTHER + "\n")
    (after,) = pieces(fetch(noted(before)))
    assert days(after) == [2, 3, 4]
    assert after.raw_path != before.raw_path


def test_a_file_with_a_symbol_column_holds_several(
    drop: Callable[..., Path], csv: Callable[..., str], fetch: Callable[..., list[Batch]]
) -> None:
    path = drop("all.csv", csv("A,2024-01-02,1,2,0.5,1.5,10", "B,2024-01-03,1,2,0.5,1.5,20", header=MANY))
    (batch,) = fetch()
    assert {piece.symbol: days(piece) for piece in batch.pieces} == {"A": [2], "B": [3]}
    assert {piece.data for piece in batch.pieces} == {path.read_bytes()}
    assert "symbol" not in batch.pieces[0].bars.columns


def test_actions_are_read_off_a_file_with_adjusted_closes(
    drop: Callable[..., Path], csv: Callable[..., str], fetch: Callable[..., list[Batch]]
) -> None:
    rows = ("2024-01-02,8,8,8,8,10,4", "2024-01-03,4,4,4,4,20,4")
    drop("A.csv", csv(*rows, header="Date,Open,High,Low,Close,Volume,Adj Close"))
    (piece,) = pieces(fetch())
    assert piece.actions.rows() == [("A", datetime(2024, 1, 3, tzinfo=UTC), "split", 2, 1, 0)]


@pytest.mark.parametrize("rows", [("8,8,8,8,10,0", "8,8,8,8,10,8"), ("0,0,0,0,10,0", "8,8,8,8,10,8")])
def test_prices_of_zero_are_no_action(
    drop: Callable[..., Path], csv: Callable[..., str], fetch: Callable[..., list[Batch]], rows: tuple[str, str]
) -> None:
    dated = [f"2024-01-0{day},{row}" for day, row in enumerate(rows, start=2)]
    drop("A.csv", csv(*dated, header="Date,Open,High,Low,Close,Volume,Adj Close"))
    (piece,) = pieces(fetch())
    assert (piece.bars.height, piece.actions.height) == (2, 0)


def test_a_bad_file_is_refused_and_the_others_are_taken(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]]
) -> None:
    drop("A.csv")
    bad = drop("B.csv", "Date,Open\n")
    drop("C.csv")
    batches = fetch()
    assert [piece.symbol for piece in pieces(batches)] == ["A", "C"]
    assert [
        (batch.refused, batch.reason.startswith(f"{bad}: holds no rows")) for batch in batches if batch.refused
    ] == [(str(bad), True)]


@pytest.mark.parametrize("symbol", ["../../etc", "..", ".", "a/b", "A B", "A\\B", "-rf", "Ä"])
def test_an_odd_symbol_is_refused(
    drop: Callable[..., Path], csv: Callable[..., str], fetch: Callable[..., list[Batch]], symbol: str
) -> None:
    rows = ("A,2024-01-02,1,2,0.5,1.5,10", f"{symbol},2024-01-02,1,2,0.5,1.5,10")
    path = drop("all.csv", csv(*rows, header=MANY))
    (batch,) = fetch()
    assert (batch.pieces, batch.refused) == ((), str(path))
    assert f"symbol {symbol!r} is not made of letters, digits" in batch.reason


def test_only_the_asked_for_symbols_are_handed_over(
    drop: Callable[..., Path], csv: Callable[..., str], fetch: Callable[..., list[Batch]]
) -> None:
    drop("A.csv")
    drop("B.csv")
    drop("all.csv", csv("A,2024-01-04,1,2,0.5,1.5,10", "B,2024-01-04,1,2,0.5,1.5,20", header=MANY))
    found = pieces(fetch(symbols=("B",)))
    assert [(piece.symbol, days(piece)) for piece in found] == [("B", [2, 3]), ("B", [4])]


def test_named_days_are_handed_over_again(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]], noted: Callable[..., pl.DataFrame]
) -> None:
    drop("A.csv")
    known = noted(*pieces(fetch()))
    assert [days(piece) for piece in pieces(fetch(known, start=date(2024, 1, 3)))] == [[3]]
    assert [days(piece) for piece in pieces(fetch(known, end=date(2024, 1, 2)))] == [[2]]
    assert fetch(known, start=date(2024, 1, 4), end=date(2024, 1, 9)) == []


def test_the_days_beside_those_named_first_are_still_to_be_had(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]], noted: Callable[..., pl.DataFrame]
) -> None:
    drop("A.csv")
    (first,) = pieces(fetch(start=date(2024, 1, 3), end=date(2024, 1, 3)))
    (rest,) = pieces(fetch(noted(first)))
    assert (days(first), days(rest)) == ([3], [2, 3])
    assert fetch(noted(rest)) == []


def test_days_before_the_earliest_are_left_out_until_they_are_named(
    drop: Callable[..., Path], fetch: Callable[..., list[Batch]]
) -> None:
    drop("A.csv")
    assert [days(piece) for piece in pieces(fetch(earliest=date(2024, 1, 3)))] == [[3]]
    assert fetch(earliest=date(2024, 1, 4)) == []
    assert [days(piece) for piece in pieces(fetch(start=date(2024, 1, 1), earliest=date(2024, 1, 4)))] == [[2, 3]]
