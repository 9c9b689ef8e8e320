"""Splits and dividends: read off a vendor's adjusted closes, and taken out of real prices again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.market.actions import actions_of
from pi5_pipelines.market.adjust import adjusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sources.base import Piece

FIRST = datetime(2024, 3, 4, tzinfo=UTC)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]
CENT = 10_000  # a dividend's amount is kept in millionths


def bars(*closes: float, adj_close: tuple[float, ...] = ()) -> pl.DataFrame:
    """Real bars of consecutive days; high and low lie one above and below the close."""
    rows = [
        (day, close, close + 1, close - 1, close, 100.0) for day, close in zip(DAYS[: len(closes)], closes, strict=True)
    ]
    schema = {"ts": pl.Datetime("us", "UTC"), **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64())}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.Series("adj_close", adj_close, pl.Float64)) if adj_close else frame


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_total_return_reproduces_the_vendors_adjusted_closes(sample: dict[str, Piece], symbol: str) -> None:
    piece = sample[symbol]
    ratio = adjusted(piece.bars, piece.actions, "total-return")["close"] / piece.bars["adj_close"]
    # The vendor also took out what came after the sample's last day, so only the course of the ratio is compared.
    assert (ratio / ratio[-1] - 1.0).abs().max() < 1e-5


def test_real_closes_are_far_from_the_vendors_adjusted_ones(sample: dict[str, Piece]) -> None:
    ratio = sample["AAPL"].bars["close"] / sample["AAPL"].bars["adj_close"]
    assert ratio[0] / ratio[-1] > 4.0


def test_splits_alone_divide_older_prices_and_multiply_older_volume(sample: dict[str, Piece]) -> None:
    piece = sample["AAPL"]
    frame = adjusted(piece.bars, piece.actions, "splits")
    times = piece.bars["ts"]
    splits = [datetime(2000, 6, 21, tzinfo=UTC), datetime(2005, 2, 28, tzinfo=UTC)]
    shares = pl.Series([2.0 ** sum(ts < split for split in splits) for ts in times])
    assert shares.unique().sort().to_list() == [1.0, 2.0, 4.0]
    for name in ("open", "high", "low", "close"):
        assert frame[name].equals(piece.bars[name] / shares)
    assert frame["volume"].equals(piece.bars["volume"] * shares)


def test_total_return_moves_volume_by_splits_only(sample: dict[str, Piece]) -> None:
    piece = sample["MSFT"]
    both, splits = (adjusted(piece.bars, piece.actions, mode) for mode in ("total-return", "splits"))
    assert both["volume"].equals(splits["volume"])
    assert both["close"][0] < splits["close"][0] == piece.bars["close"][0] / 2


def test_an_action_changes_the_days_before_it_only(actions: Callable[..., pl.DataFrame]) -> None:
    frame = adjusted(bars(80.0, 80.0, 40.0, 40.0), actions((DAYS[2], "split", 2, 1, 0)), "splits")
    assert frame["close"].to_list() == [40.0, 40.0, 40.0, 40.0]
    assert frame["volume"].to_list() == [200.0, 200.0, 100.0, 100.0]


def test_a_reverse_split_raises_older_prices(actions: Callable[..., pl.DataFrame]) -> None:
    frame = adjusted(bars(2.0, 20.0), actions((DAYS[1], "split", 1, 10, 0)), "splits")
    assert frame["close"].to_list() == [20.0, 20.0]
    assert frame["volume"].to_list() == [10.0, 100.0]


def test_a_dividend_is_taken_out_against_the_close_before_it(actions: Callable[..., pl.DataFrame]) -> None:
    paid = actions((DAYS[2], "dividend", 1, 1, 200 * CENT))
    frame = adjusted(bars(50.0, 40.0, 38.0), paid, "total-return")
    assert frame["close"].to_list() == pytest.approx([50.0 * 0.95, 40.0 * 0.95, 38.0])
    assert adjusted(bars(50.0, 40.0, 38.0), paid, "splits").equals(bars(50.0, 40.0, 38.0))


def test_several_actions_multiply(actions: Callable[..., pl.DataFrame]) -> None:
    many = actions(
        (DAYS[3], "split", 2, 1, 0), (DAYS[1], "dividend", 1, 1, 1000 * CENT), (DAYS[3], "dividend", 1, 1, 500 * CENT)
    )
    frame = adjusted(bars(100.0, 90.0, 50.0, 25.0), many, "total-return")
    assert frame["close"].to_list() == pytest.approx([100 * 0.9 * 0.5 * 0.9, 90 * 0.5 * 0.9, 50 * 0.5 * 0.9, 25.0])


def test_an_action_between_two_bars_or_before_the_first_is_placed_by_time(
    actions: Callable[..., pl.DataFrame],
) -> None:
    long_before = FIRST - timedelta(days=100)
    sparse = bars(80.0, 80.0, 40.0).filter(pl.col("ts") != DAYS[1])
    many = actions((DAYS[1], "split", 2, 1, 0), (long_before, "dividend", 1, 1, CENT), (long_before, "split", 3, 1, 0))
    assert adjusted(sparse, many, "total-return")["close"].to_list() == [40.0, 40.0]


def test_without_actions_or_adjustment_the_bars_stay(
    sample: dict[str, Piece], actions: Callable[..., pl.DataFrame]
) -> None:
    piece = sample["AAPL"]
    assert adjusted(piece.bars, actions(), "total-return").equals(piece.bars)
    assert adjusted(piece.bars, piece.actions, "none").equals(piece.bars)
    assert adjusted(piece.bars.clear(), piece.actions, "total-return").equals(piece.bars.clear())


def test_columns_keep_their_order(sample: dict[str, Piece]) -> None:
    piece = sample["AAPL"]
    shuffled = piece.bars.select(reversed(piece.bars.columns))
    assert adjusted(shuffled, piece.actions, "splits").columns == shuffled.columns


def test_an_unknown_adjustment_is_refused(sample: dict[str, Piece]) -> None:
    with pytest.raises(UnknownNameError, match=r"no such adjustment: 'all' \(there are: none, splits, total-return\)"):
        adjusted(sample["AAPL"].bars, sample["AAPL"].actions, "all")


@pytest.mark.parametrize(("numerator", "denominator"), [(2, 1), (3, 2), (7, 1), (50, 1), (1, 10), (1, 50), (21, 20)])
def test_a_step_by_a_simple_fraction_is_a_split(numerator: int, denominator: int) -> None:
    before = 30.0 * denominator / numerator
    frame = bars(30.0, before, adj_close=(before, before))
    assert actions_of("A", frame).rows() == [("A", DAYS[1], "split", numerator, denominator, 0)]


def test_another_step_is_a_dividend_of_the_close_before(actions: Callable[..., pl.DataFrame]) -> None:
    paid = actions((DAYS[1], "dividend", 1, 1, 123_456))
    frame = bars(30.0, 29.0, 31.0)
    vendors = frame.with_columns(adj_close=adjusted(frame, paid, "total-return")["close"])
    assert actions_of("A", vendors).equals(paid)


def test_a_dividend_near_a_simple_fraction_is_no_split(actions: Callable[..., pl.DataFrame]) -> None:
    near_49_to_50 = actions((DAYS[1], "dividend", 1, 1, 600_100))
    frame = bars(30.0, 29.0)
    vendors = frame.with_columns(adj_close=adjusted(frame, near_49_to_50, "total-return")["close"])
    assert actions_of("A", vendors).equals(near_49_to_50)


def test_the_vendors_rounding_is_no_action() -> None:
    assert actions_of("A", bars(30.0, 29.0, 31.0, adj_close=(30.000001, 29.0, 30.999999))).is_empty()


def test_bars_without_adjusted_closes_have_no_actions() -> None:
    found = actions_of("A", bars(30.0, 15.0))
    assert found.is_empty()
    assert found.schema == dict(schema_of("corporate_actions").columns)


@pytest.mark.parametrize("adj_close", [(0.0, 30.0, 30.0), (30.0, 0.0, 30.0), (30.0, -1.0, 30.0)])
def test_prices_of_zero_or_below_are_no_action(adj_close: tuple[float, ...]) -> None:
    assert actions_of("A", bars(30.0, 30.0, 30.0, adj_close=adj_close)).is_empty()
    assert actions_of("A", bars(*adj_close, adj_close=(30.0, 30.0, 30.0))).is_empty()
