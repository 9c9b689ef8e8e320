"""Good files of every common shape become the same bars."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.sources.tabular import read_ohlcv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOMENT = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
DAY = datetime(2024, 1, 2, tzinfo=UTC)
NAMES = ["ts", "open", "high", "low", "close", "volume"]
SCHEMA = pl.Schema({"ts": pl.Datetime("us", "UTC"), **dict.fromkeys(NAMES[1:], pl.Float64())})
TWO_DAYS = [
    (datetime(2024, 1, 2, tzinfo=UTC), 1.0, 2.0, 0.5, 1.5, 10.0),
    (datetime(2024, 1, 3, tzinfo=UTC), 1.5, 3.0, 1.0, 2.5, 20.0),
]


def test_a_name_with_brackets_is_a_name(drop: Callable[..., Path]) -> None:
    path = drop("A[1].csv")
    read_ohlcv(path).drop("ts").write_parquet(path.with_name("B.parquet"))
    assert read_ohlcv(path).rows() == TWO_DAYS


def test_a_plain_csv_is_read(drop: Callable[..., Path]) -> None:
    frame = read_ohlcv(drop("a.csv"))
    assert frame.rows() == TWO_DAYS
    assert frame.schema == SCHEMA


@pytest.mark.parametrize(
    "header",
    ["DATE,OPEN,HIGH,LOW,CLOSE,VOLUME", "timestamp,open,high,low,close,volume", " Date , Open,High,Low,Close,Volume "],
)
def test_the_case_and_blanks_of_a_header_do_not_matter(
    drop: Callable[..., Path], csv: Callable[..., str], header: str
) -> None:
    assert read_ohlcv(drop("a.csv", csv(header=header))).rows() == TWO_DAYS


def test_columns_may_stand_in_any_order_beside_others(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    text = csv("10,1.5,0.5,2,1,x,2024-01-02", header="Volume,Close,Low,High,Open,Remark,Date")
    assert read_ohlcv(drop("a.csv", text)).rows() == TWO_DAYS[:1]


def test_rows_come_out_in_order_of_time(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    text = csv("2024-01-03,1.5,3,1,2.5,20", "2024-01-02,1,2,0.5,1.5,10")
    assert read_ohlcv(drop("a.csv", text)).rows() == TWO_DAYS


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_files_from_windows_are_read(
    drop: Callable[..., Path], csv: Callable[..., str], change: Callable[[str], str]
) -> None:
    assert read_ohlcv(drop("a.csv", change(csv()))).rows() == TWO_DAYS


def test_a_compressed_csv_is_read(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    assert read_ohlcv(drop("A.CSV.GZ", gzip.compress(csv().encode()))).rows() == TWO_DAYS


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02", DAY),
        ("20240102", DAY),
        ("2024-01-02 14:30", MOMENT),
        ("2024-01-02T14:30", MOMENT),
        ("2024-01-02 14:30:00", MOMENT),
        ("2024-01-02T14:30:00.250", MOMENT + timedelta(milliseconds=250)),
        ("2024-01-02T14:30:00Z", MOMENT),
        ("2024-01-02 09:30:00-05:00", MOMENT),
        ("2024-01-02T09:30-0500", MOMENT),
        (f"{MOMENT.timestamp():.0f}", MOMENT),
        (f"{MOMENT.timestamp() * 1e3:.0f}", MOMENT),
        (f"{MOMENT.timestamp() * 1e6:.0f}", MOMENT),
        ("951868800", datetime(2000, 3, 1, tzinfo=UTC)),
        ("951868800000", datetime(2000, 3, 1, tzinfo=UTC)),
        ("951868800000000", datetime(2000, 3, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_every_common_form(
    drop: Callable[..., Path], csv: Callable[..., str], text: str, moment: datetime
) -> None:
    assert read_ohlcv(drop("a.csv", csv(f"{text},1,2,0.5,1.5,10")))["ts"].to_list() == [moment]


def test_a_file_may_mix_times_with_and_without_a_zone(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    text = csv("2024-01-01T19:00:00-05:00,1,2,0.5,1.5,10", "2024-01-03,1.5,3,1,2.5,20")
    assert read_ohlcv(drop("a.csv", text)).rows() == TWO_DAYS


@pytest.mark.parametrize("name", ["", "__index_level_0__"])
def test_an_index_saved_without_a_name_is_the_time(
    drop: Callable[..., Path], csv: Callable[..., str], name: str
) -> None:
    assert read_ohlcv(drop("a.csv", csv(header=f"{name},Open,High,Low,Close,Volume"))).rows() == TWO_DAYS


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "AdjClose", "adjusted_close"])
def test_adjusted_closes_are_kept_beside_the_real_ones(
    drop: Callable[..., Path], csv: Callable[..., str], name: str
) -> None:
    text = csv("2024-01-02,1,2,0.5,1.5,10,0.75", header=f"Date,Open,High,Low,Close,Volume,{name}")
    frame = read_ohlcv(drop("a.csv", text))
    assert frame.columns == [*NAMES, "adj_close"]
    assert frame.select("close", "adj_close").rows() == [(1.5, 0.75)]


@pytest.mark.parametrize("name", ["Symbol", "TICKER"])
def test_a_symbol_column_keeps_symbols_apart(drop: Callable[..., Path], csv: Callable[..., str], name: str) -> None:
    rows = ("B, 2024-01-02,1,2,0.5,1.5,10", " A ,2024-01-02,1,2,0.5,1.5,10")
    frame = read_ohlcv(drop("a.csv", csv(*rows, header=f"{name},Date,Open,High,Low,Close,Volume")))
    assert frame.select("symbol", "ts").rows() == [("A", DAY), ("B", DAY)]


@pytest.mark.parametrize(
    ("column", "moment"),
    [
        (pl.Series([DAY.date()]), DAY),
        (pl.Series([MOMENT.replace(tzinfo=None)]).cast(pl.Datetime("ns")), MOMENT),
        (pl.Series([MOMENT]).cast(pl.Datetime("ms", "America/New_York")), MOMENT),
        (pl.Series([int(MOMENT.timestamp())]), MOMENT),
        (pl.Series(["2024-01-02"]), DAY),
    ],
    ids=["date", "local", "zone", "epoch", "text"],
)
def test_parquet_times_are_read_whatever_their_type(tmp_path: Path, column: pl.Series, moment: datetime) -> None:
    prices = {"open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5], "volume": [10]}
    pl.DataFrame({"date": column, **prices}).write_parquet(tmp_path / "a.parquet")
    assert read_ohlcv(tmp_path / "a.parquet").rows() == [(moment, 1.0, 2.0, 0.5, 1.5, 10.0)]


any_price = st.floats(allow_nan=False, allow_infinity=False)
any_time = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=30))]),
)
any_row = st.tuples(
    any_time.map(lambda moment: moment.astimezone(UTC)), any_price, any_price, any_price, any_price, any_price.map(abs)
)


@given(rows=st.lists(any_row, min_size=1, max_size=20, unique_by=lambda row: row[0]))
def test_any_bars_read_back_as_they_were_written(
    rows: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    folder = tmp_path_factory.mktemp("files")
    frame.write_csv(folder / "a.csv")
    frame.write_parquet(folder / "a.parquet")
    assert read_ohlcv(folder / "a.csv").equals(frame.sort("ts"))
    assert read_ohlcv(folder / "a.parquet").equals(frame.sort("ts"))


def test_blank_lines_at_the_end_do_not_matter(drop: Callable[..., Path], csv: Callable[..., str]) -> None:
    assert read_ohlcv(drop("A.csv", csv() + "\n\n")).equals(read_ohlcv(drop("B.csv")))
