"""Bars between real numbers and scaled integers, and from short timeframes to longer ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.errors import InputFileError, UnknownNameError
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.market.bars import resample, to_real, to_scaled
from trading.instrument import Instrument
from trading.timeframe import SECONDS

MIDNIGHT = datetime(2024, 3, 4, tzinfo=UTC)
FIGURES = ("open", "high", "low", "close", "volume")
BARS = schema_of("bars_1d").columns
REAL = {name: kind if name in ("symbol", "ts") else pl.Float64() for name, kind in BARS.items()}


def one(**figures: float) -> pl.DataFrame:
    """A real bar in which every figure is 1 but for those given."""
    row = ("A", MIDNIGHT, *(float(figures.get(name, 1.0)) for name in FIGURES))
    return pl.DataFrame([row], schema=REAL, orient="row")


whole = st.integers(0, 10**12)


@given(
    rows=st.lists(st.tuples(whole, whole, whole, whole, whole), min_size=1, max_size=10),
    price_scale=st.integers(2, 12),
    size_scale=st.integers(0, 12),
)
def test_any_scaled_bars_survive_the_way_to_real_numbers_and_back(
    rows: list[tuple[int, ...]], price_scale: int, size_scale: int
) -> None:
    dated = [("A", MIDNIGHT + timedelta(days=day), *row) for day, row in enumerate(rows)]
    frame = pl.DataFrame(dated, schema=dict(BARS), orient="row")
    instrument = Instrument("A", price_scale=price_scale, size_scale=size_scale)
    real = to_real(frame, price_scale, size_scale)
    assert to_scaled(real, instrument, "here").equals(frame)
    assert real["close"].to_list() == [float(instrument.price(row[3])) for row in rows]


@given(hundred_thousandths=st.integers(1, 100 * 10**5).filter(lambda number: number % 10 != 0))
def test_any_price_with_a_decimal_more_than_the_scale_is_refused(hundred_thousandths: int) -> None:
    with pytest.raises(InputFileError, match="needs more than 4 decimals"):
        to_scaled(one(close=hundred_thousandths / 10**5), Instrument("A", price_scale=4), "here")


@given(
    cents=st.lists(st.integers(1, 9_999_999), min_size=1, max_size=50),
    printed=st.booleans(),
    price_scale=st.integers(2, 5),
)
def test_prices_of_seven_digits_come_back_from_single_precision_as_they_were_quoted(
    cents: list[int], *, printed: bool, price_scale: int
) -> None:
    """1234.56 reads 1234.56005859 there; 1234.5601 would be the nearest of four decimals."""
    close = pl.Series([*cents, 123_457], dtype=pl.Int64)  # 1234.57 alone tells the file's precision
    single = (close / 100).cast(pl.Float32).cast(pl.Float64)
    bars = pl.concat([one()] * len(close)).with_columns(close=single.round(6) if printed else single)
    scaled = to_scaled(bars, Instrument("A", price_scale=price_scale), "here")
    assert scaled["close"].to_list() == (close * 10 ** (price_scale - 2)).to_list()


def test_a_price_that_only_looks_like_single_precision_is_kept_as_it_is() -> None:
    assert to_scaled(one(close=81754.4375), Instrument("A"), "here")["close"].to_list() == [817_544_375]


def test_scaled_bars_carry_the_symbol_and_the_tables_columns() -> None:
    scaled = to_scaled(one(open=1.25, volume=7).drop("symbol"), Instrument("A"), "here")
    assert scaled.schema == dict(BARS)
    assert scaled.row(0) == ("A", MIDNIGHT, 12_500, 10_000, 10_000, 10_000, 7)


@pytest.mark.parametrize(
    ("figures", "what", "hint"),
    [
        ({"close": 1.00001}, "close 1.00001 at 2024-03-04 00:00 needs more than 4 decimals", "raise price_scale"),
        ({"open": 100.12345}, "open 100.12345 at 2024-03-04 00:00 needs more than 4 decimals", "raise price_scale"),
        ({"high": 51234.56789}, "high 51234.56789 at 2024-03-04 00:00 needs more than 4", "raise price_scale"),
        ({"volume": 0.5}, "volume 0.5 at 2024-03-04 00:00 needs more than 0 decimals", "raise size_scale"),
        ({"volume": 1e9 + 0.5}, "volume 1000000000.5 at 2024-03-04 00:00 needs more than 0", "raise size_scale"),
        ({"low": 1e20}, "low 1e+20 at 2024-03-04 00:00 is too large for 4 decimals", "lower price_scale"),
        ({"volume": 1e300}, "volume 1e+300 at 2024-03-04 00:00 is too large for 0 decimals", "lower size_scale"),
    ],
)
def test_a_figure_that_does_not_fit_its_scale_is_refused(figures: dict[str, float], what: str, hint: str) -> None:
    with pytest.raises(InputFileError) as caught:
        to_scaled(one(**figures), Instrument("A"), "A.csv")
    assert caught.value.what.startswith(what)
    assert (caught.value.where, caught.value.hint) == ("A.csv", f"{hint} in [instruments.A] of pi5.toml")


def test_the_first_bar_that_does_not_fit_is_named() -> None:
    later = one(close=2.00001).with_columns(ts=pl.lit(MIDNIGHT + timedelta(days=1)))
    last = one(close=3.00001).with_columns(ts=pl.lit(MIDNIGHT + timedelta(days=2)))
    with pytest.raises(InputFileError, match=r"close 2\.00001 at 2024-03-05"):
        to_scaled(pl.concat([one(), later, last]), Instrument("A"), "here")


@pytest.mark.parametrize(
    ("price", "scaled"),
    [(0.1 + 0.2, 3_000), (150.47000122070312, 1_504_700), (128.259995, 1_282_600), (4.35, 43_500), (-37.63, -376_300)],
)
def test_what_floats_do_to_decimals_is_rounded_away(price: float, scaled: int) -> None:
    # 150.47 in single precision reads 150.47000122070312, and 128.26 printed from it with six decimals 128.259995.
    assert to_scaled(one(close=price), Instrument("A"), "here")["close"].to_list() == [scaled]


def test_no_bars_are_scaled_to_no_bars() -> None:
    assert to_scaled(one().clear(), Instrument("A"), "here").is_empty()


def by_hand(rows: list[tuple[str, datetime, int, int, int, int, int]], seconds: int) -> list[tuple[object, ...]]:
    """The longer bars, one dictionary and no data frame."""
    groups: dict[tuple[str, datetime], list[tuple[str, datetime, int, int, int, int, int]]] = {}
    for row in sorted(rows):
        begins = row[1] - timedelta(seconds=(row[1] - MIDNIGHT).total_seconds() % seconds)
        groups.setdefault((row[0], begins), []).append(row)
    return [
        (
            *key,
            group[0][2],
            max(row[3] for row in group),
            min(row[4] for row in group),
            group[-1][5],
            sum(row[6] for row in group),
        )
        for key, group in groups.items()
    ]


minute = st.builds(
    lambda symbol, minutes, figures: (symbol, MIDNIGHT + timedelta(minutes=minutes), *figures),
    st.sampled_from("AB"),
    st.integers(-3_000, 3_000),
    st.tuples(*[st.integers(0, 1_000)] * 5),
)


@given(
    rows=st.lists(minute, min_size=1, max_size=40, unique_by=lambda row: row[:2]), timeframe=st.sampled_from([*SECONDS])
)
def test_longer_bars_are_those_worked_out_by_hand(
    rows: list[tuple[str, datetime, int, int, int, int, int]], timeframe: str
) -> None:
    frame = pl.DataFrame(rows, schema=dict(BARS), orient="row")
    assert resample(frame, timeframe).rows() == by_hand(rows, SECONDS[timeframe])
    assert resample(frame, timeframe).schema == frame.schema


def test_real_bars_are_resampled_too() -> None:
    later = one(open=2, high=3, low=0.5, close=2.5, volume=4).with_columns(ts=pl.lit(MIDNIGHT + timedelta(hours=23)))
    assert resample(pl.concat([later, one()]), "1d").rows() == [("A", MIDNIGHT, 1.0, 3.0, 0.5, 2.5, 5.0)]


def test_an_unknown_timeframe_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no such timeframe: '2h' \(there are: 1m, 5m, "):
        resample(one(), "2h")
