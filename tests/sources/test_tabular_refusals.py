"""Every file that cannot be taken is one error that names the file, the place in it and the reason."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import InputFileError
from pi5_pipelines.sources.tabular import read_ohlcv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = "2024-01-02,1,2,0.5,1.5,10"
NEEDS = "a file needs a date or time column and open, high, low, close, volume, in any case"
MEND = "mend the file"


def refusal(path: Path) -> InputFileError:
    """The one-line error that a file is refused with; it names the file."""
    with pytest.raises(InputFileError) as caught:
        read_ohlcv(path)
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("missing", ["Open", "High", "Low", "Close", "Volume"])
def test_a_missing_column_is_named(drop: Callable[..., Path], csv: Callable[..., str], missing: str) -> None:
    header = "Date,Open,High,Low,Close,Volume".replace(missing, "Remark")
    error = refusal(drop("a.csv", csv(header=header)))
    assert (error.what, error.hint) == (f"no column {missing.lower()!r}", NEEDS)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("Date,Open,High,Low,Close,Volumne", "no column 'volume'; is 'Volumne' meant?"),
        ("Date,Open,High,Low,Clsoe,Volume", "no column 'close'; is 'Clsoe' meant?"),
        ("Dat,Open,High,Low,Close,Volume", "no column 'date'; is 'Dat' meant?"),
    ],
)
def test_a_misspelt_column_is_guessed(
    drop: Callable[..., Path], csv: Callable[..., str], header: str, what: str
) -> None:
    assert refusal(drop("a.csv", csv(header=header))).what == what


def test_a_file_without_times_is_refused(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    text = csv("1,2,0.5,1.5,10", header="Open,High,Low,Close,Volume")
    assert refusal(drop("a.csv", text)).what == "no column 'date'"


@pytest.mark.parametrize(("text", "what"), [("", "is empty"), ("\n", "is empty"), ("Date,Open\n", "holds no rows")])
def test_a_file_without_rows_is_refused(drop: Callable[..., Path], text: str, what: str) -> None:
    error = refusal(drop("a.csv", text))
    assert (error.what, error.hint) == (what, NEEDS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("abc", "'abc'"),
        ("nan", "'nan'"),
        ("inf", "'inf'"),
        ("-inf", "'-inf'"),
        ('"1,000"', "'1,000'"),
        ("", "an empty value"),
    ],
)
@pytest.mark.parametrize("column", ["Open", "High", "Low", "Close", "Volume", "Adj Close"])
def test_what_is_no_number_is_shown_with_line_and_column(
    drop: Callable[..., Path], csv: Callable[..., str], column: str, value: str, shown: str
) -> None:
    header = "Date,Open,High,Low,Close,Volume,Adj Close"
    bad = ",".join(value if name == column else "2024-01-03" if name == "Date" else "1" for name in header.split(","))
    error = refusal(drop("a.csv", csv(f"{GOOD},1", bad, header=header)))
    assert (error.what, error.hint) == (f"line 3, column {column!r}: {shown} is no number", MEND)


@pytest.mark.parametrize("value", ["soon", "2024-02-30", "2024-13-01", "01/02/2024", "12", "99999999999999999999"])
def test_an_unreadable_date_is_shown_with_its_line(
    drop: Callable[..., Path], csv: Callable[..., str], value: str
) -> None:
    error = refusal(drop("a.csv", csv(GOOD, f"{value},1,2,0.5,1.5,10")))
    assert error.what == f"line 3, column 'Date': {value!r} is no date or time"


def test_an_empty_line_is_shown_as_a_row_without_a_date(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    error = refusal(drop("a.csv", csv(GOOD, "", "2024-01-03,1,2,0.5,1.5,10")))
    assert error.what == "line 3, column 'Date': an empty value is no date or time"


def test_the_first_of_several_bad_lines_is_shown_and_the_others_counted(
    drop: Callable[..., Path], csv: Callable[..., str]
) -> None:
    bad = [f"2024-01-0{day},x,2,0.5,1.5,10" for day in (3, 4, 5)]
    assert refusal(drop("a.csv", csv(GOOD, *bad))).what == "line 3, column 'Open': 'x' is no number (and 2 more)"


def test_a_time_that_is_there_twice_is_refused(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    error = refusal(drop("a.csv", csv(GOOD, "2024-01-02T00:00:00Z,1,2,0.5,1.5,11")))
    assert re.fullmatch(r"line 3, column 'ts': '2024-01-02 00:00:00\S*' is there twice", error.what)


def test_a_time_may_be_there_once_a_symbol(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    header = "Symbol,Date,Open,High,Low,Close,Volume"
    assert read_ohlcv(drop("a.csv", csv(f"A,{GOOD}", f"B,{GOOD}", header=header))).height == 2
    error = refusal(drop("a.csv", csv(f"A,{GOOD}", f"B,{GOOD}", f"A,{GOOD}", header=header)))
    assert error.what.startswith("line 4, column 'ts'")


def test_an_empty_symbol_is_refused(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    text = csv(f"A,{GOOD}", f",{GOOD}", header="Symbol,Date,Open,High,Low,Close,Volume")
    assert refusal(drop("a.csv", text)).what == "line 3, column 'Symbol': an empty value is no symbol"


def test_a_negative_volume_is_refused(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    error = refusal(drop("a.csv", csv(GOOD, "2024-01-03,1,2,0.5,1.5,-10")))
    assert error.what == "line 3, column 'volume': '-10.0' is negative"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_line_with_too_many_values_is_named(drop: Callable[..., Path], csv: Callable[..., str], name: str) -> None:
    text = csv(GOOD, "2024-01-03,1,2,0.5,1.5,10,7").encode()
    error = refusal(drop(name, gzip.compress(text) if name.endswith("gz") else text))
    assert error.what == "cannot be read as CSV: line 3 has 7 values for 6 columns"


def test_a_line_with_too_few_values_is_named(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    error = refusal(drop("a.csv", csv(GOOD, "2024-01-03,1,2")))
    assert error.what == "line 3, column 'Low': an empty value is no number"


JUNK = bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.csv", JUNK, "cannot be read as CSV: "),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + JUNK, "cannot be read as CSV: "),
        ("a.csv", bytes(100), "holds no rows"),
        ("a.csv.gz", b"\x1f\x8b\x08" + JUNK, "cannot be read as CSV: "),
        (
            "a.csv.gz",
            gzip.compress(b"Date,Open,High,Low,Close,Volume\n" + GOOD.encode(), mtime=0)[:-12],
            "cannot be read as CSV",
        ),
        ("a.parquet", b"Date,Open\n", "cannot be read as Parquet: "),
        ("a.parquet", b"", "cannot be read as Parquet: "),
        ("a.parquet", b"PAR1" + JUNK + b"PAR1", "cannot be read as Parquet: "),
    ],
)
def test_junk_is_refused(drop: Callable[..., Path], name: str, data: bytes, what: str) -> None:
    assert refusal(drop(name, data)).what.startswith(what)


@pytest.mark.parametrize("name", ["gone.csv", "gone.csv.gz", "gone.parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name).what == "no such file"


def parquet(path: Path, **columns: object) -> Path:
    """A Parquet file of two rows with some columns replaced."""
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"date": ["2024-01-02", "2024-01-03"], **prices, **columns}).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("open", [1.0, None], "row 2, column 'open': an empty value is no number"),
        ("open", [1.0, float("nan")], "row 2, column 'open': 'nan' is no number"),
        ("open", [[1.0], [1.0]], "column 'open' holds List(Float64), not plain values"),
        ("volume", [b"1", b"1"], "column 'volume' holds Binary, not plain values"),
        ("date", [b"\xff", b"\xff"], "column 'date' holds Binary, not plain values"),
        ("date", [1.5, 2.5], "row 1, column 'date': '1.5' is no date or time (and 1 more)"),
        ("symbol", [{"a": 1}, {"a": 2}], "column 'symbol' holds Struct({'a': Int64}), not plain values"),
    ],
)
def test_a_parquet_file_is_refused_by_row_and_column(
    tmp_path: Path, column: str, values: list[object], what: str
) -> None:
    assert refusal(parquet(tmp_path / "a.parquet", **{column: values})).what == what


def test_two_columns_of_one_name_are_refused(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    row = "2024-01-02,1,2,0.5,1.5,7,10"
    with pytest.raises(InputFileError, match="two columns are called 'Close'"):
        read_ohlcv(drop("A.csv", csv(row, header="Date,Open,High,Low,Close,close,Volume")))
