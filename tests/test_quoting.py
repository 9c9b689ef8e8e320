"""How many decimals a symbol is stored with, and that nothing stored ever changes its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from pi5_pipelines.errors import ConfigError
from pi5_pipelines.ingest import ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.bars import fewest_decimals
from pi5_pipelines.settings import IngestSettings, InstrumentSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "symbol,time,open,high,low,close,volume\n"
CENTS = HEADER + "A,2024-03-04 14:30,10.01,10.5,9.99,10.25,100\nA,2024-03-04 14:31,10.01,10.5,9.99,10.2,100\n"
FINER = HEADER + "A,2024-03-04 14:32,10.01,10.5,9.99,10.2505,100\n"


class Home:
    """A home that its inbox feeds with minute bars."""

    def __init__(self, folder: Path, *, timeframe: str = "1m", **quoted: object) -> None:
        self.settings = Settings(
            home=str(folder),
            ingest=IngestSettings(sources=("inbox",), timeframe=timeframe),
            instruments={"default": InstrumentSettings(**quoted)},  # type: ignore[arg-type]
        )
        self.lake = Lake(self.settings.folder("lake"))

    def asking(self, **quoted: object) -> None:
        """Change what pi5.toml says of A."""
        table = {**self.settings.instruments, "A": InstrumentSettings(**quoted)}  # type: ignore[arg-type]
        self.settings = msgspec.structs.replace(self.settings, instruments=table)

    def take(self, text: str, name: str = "A.csv") -> tuple[str, ...]:
        """Bring a file in; answers why files were refused."""
        path = self.settings.folder("inbox") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tuple(one.reason for one in ingest(self.settings, self.lake).refused)

    def scale(self) -> int:
        """The decimals of A's stored prices."""
        return int(self.lake.read("instruments", symbols=["A"])["price_scale"].item())

    def closes(self) -> list[int]:
        """A's stored closes."""
        return self.lake.read(f"bars_{self.settings.ingest.timeframe}")["close"].to_list()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home of minute bars."""
    return Home(tmp_path)


def test_minute_bars_in_cents_are_stored_in_cents(home: Home) -> None:
    assert home.take(CENTS) == ()
    assert (home.scale(), home.closes()) == (2, [1025, 1020])


def test_minute_bars_in_hundredths_of_a_cent_are_stored_so(home: Home) -> None:
    assert home.take(CENTS + FINER.removeprefix(HEADER)) == ()
    assert (home.scale(), home.closes()) == (4, [102_500, 102_000, 102_505])


def test_decimals_that_the_tick_needs_are_kept_for_it(tmp_path: Path) -> None:
    home = Home(tmp_path, tick_size="0.00001")
    assert home.take(CENTS) == ()
    assert (home.scale(), home.closes()) == (5, [1_025_000, 1_020_000])


def test_what_pi5_toml_says_outright_is_done(tmp_path: Path) -> None:
    home = Home(tmp_path, price_scale=6)
    assert home.take(CENTS) == ()
    assert home.scale() == 6


def test_daily_bars_have_room_for_what_later_ones_may_need(tmp_path: Path) -> None:
    home = Home(tmp_path, timeframe="1d")
    assert home.take(HEADER + "A,2024-03-04,10.01,10.5,9.99,10.25,100\n") == ()
    assert home.take(HEADER + "A,2024-03-05,10.01,10.5,9.99,10.2505,100\n", "B.csv") == ()
    assert (home.scale(), home.closes()) == (4, [102_500, 102_505])


def test_a_later_finer_price_is_refused_with_a_way_out_and_changes_nothing(home: Home) -> None:
    home.take(CENTS)
    (reason,) = home.take(FINER, "B.csv")
    assert "close 10.2505 at 2024-03-04 14:32 needs more than 2 decimals" in reason
    assert "in another home, which can hold all of it, raise price_scale in [instruments.A] of pi5.toml" in reason
    assert (home.scale(), home.closes()) == (2, [1025, 1020])


@pytest.mark.parametrize(
    ("asked", "what", "hint"),
    [
        ({"price_scale": 5}, "price_scale of A is 2 in its stored rows, but 5", "write price_scale = 2 under"),
        ({"size_scale": 1}, "size_scale of A is 0 in its stored rows, but 1", "write size_scale = 0 under"),
        ({"tick_size": "0.001"}, "price_scale of A is 2 in its stored rows, but 3", "put tick_size back"),
    ],
)
def test_settings_cannot_change_what_stored_rows_mean(
    home: Home, asked: dict[str, object], what: str, hint: str
) -> None:
    home.take(CENTS)
    before = home.lake.read("instruments")
    home.asking(**asked)
    with pytest.raises(ConfigError) as caught:
        home.take(CENTS.replace("14:3", "15:3"), "B.csv")
    assert caught.value.what.startswith(what)
    assert caught.value.where == "[instruments.A] of pi5.toml"
    assert caught.value.hint.startswith(hint)
    assert home.lake.read("instruments").equals(before)
    assert home.closes() == [1025, 1020]


def test_what_does_not_touch_the_scale_may_change(home: Home) -> None:
    home.take(CENTS)
    home.asking(tick_size="0.05", venue="XETR")
    assert home.take(CENTS.replace("14:3", "15:3"), "B.csv") == ()
    assert home.lake.read("instruments").row(0)[:3] == ("A", "0.05", 2)


@pytest.mark.parametrize(("close", "few"), [(10.0, 0), (10.5, 1), (187.149994, 2), (0.0625, 4), (1 / 3, 4)], ids=str)
def test_the_fewest_decimals_hold_every_price(close: float, few: int) -> None:
    bars = pl.DataFrame({"open": [1.0], "high": [2.0], "low": [1.0], "close": [close]})
    assert fewest_decimals(bars, 4) == few
