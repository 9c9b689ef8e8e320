"""What the tests of a trading day share: a home, a journal whose clocks are told what time it is, and bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.events import BarClosed
from live_engine.journal.writer import Journal
from pi5_pipelines.settings import Settings
from pi5_pipelines.trading_day.journal_days import begin_ns
from pi5_pipelines.trading_day.trade import exact
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from live_engine.events import AnyBody
    from pi5_pipelines.backtest.bars import Bars

ORDER_STRATEGIES = str(Path(__file__).parents[1] / "backtest" / "order_strategies")
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def _own_strategies() -> Iterator[None]:
    strategies.__path__.append(ORDER_STRATEGIES)
    yield
    strategies.__path__.remove(ORDER_STRATEGIES)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


class Diary:
    """A journal that is written to at chosen moments: hours of a day, and milliseconds of the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self._wall_ns = self._mono_ns = 0
        self.journal = Journal(path, wall_ns=lambda: self._wall_ns, mono_ns=lambda: self._mono_ns)

    def write(self, day: date, hour: float, *bodies: AnyBody, mono_ms: float = 0.0) -> None:
        """Append events, known to be on the device on return."""
        self._wall_ns = begin_ns(day) + round(hour * HOUR_NS)
        self._mono_ns = round(mono_ms * 1e6)
        self.journal.append(bodies).result()


@pytest.fixture
def diary(home: Settings) -> Iterator[Diary]:
    opened = Diary(home.folder("journal") / "live.sqlite")
    with opened.journal:
        yield opened


@pytest.fixture
def closed(random_bars: Callable[..., Bars]) -> Callable[..., list[BarClosed]]:
    """Random bars of a seed as a stream brings them; the options are those of `random_bars`."""

    def make(seed: int, length: int, *, timeframe: str = "1d", **options: object) -> list[BarClosed]:
        step_us = {"1d": 86_400_000_000, "1h": 3_600_000_000}[timeframe]
        bars = random_bars(seed, length, step_us=step_us, **options)
        rows = zip(bars.ts_us.tolist(), bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        return [
            BarClosed(
                symbol=bars.symbol,
                timeframe=timeframe,
                ts_ns=ts_us * 1_000,
                open=exact(open_),
                high=exact(high),
                low=exact(low),
                close=exact(close),
                volume=exact(volume),
            )
            for ts_us, open_, high, low, close, volume in rows
        ]

    return make
