"""Where the engine's prices come from, by `live.prices`: what the data platform published, a file, or made up."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, time
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from live_engine.errors import SettingsError
from live_engine.events import BarClosed
from live_engine.streams.market_export import last_bars
from live_engine.streams.price_file import read_prices
from live_engine.streams.replay import replay_export, replay_file
from live_engine.streams.sessions import sessions_of
from live_engine.streams.simulated import RandomWalk, simulated
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.paper.settings import StrategySettings
    from live_engine.settings import LiveSettings
    from live_engine.streams.stream import Stream
    from live_engine.streams.watch import Hours

NS_PER_S = 1_000_000_000
EXPORT, SIMULATED = "export", "simulated"


def export_file(home: Path) -> Path:
    """The file that the data platform publishes for the engine."""
    return home / "exports" / "market.sqlite"


def open_stream(live: LiveSettings, home: Path, *, clock: Callable[[], int], wall_ns: int, heard_ns: int = 0) -> Stream:
    """The stream that the settings name; raises SettingsError where they do not fit together.

    `clock` never steps back; `heard_ns` is the time of the last price that was taken. Made up prices begin there, or at
    `wall_ns` (UTC) if that is later: at speed they run ahead of the clock. A replay goes on with the bar in
    which it lies.
    """
    symbols = live.all_symbols()
    if live.prices == SIMULATED:
        like = RandomWalk(seed=live.seed, start_ns=max(wall_ns, heard_ns))
        return simulated(symbols, like, clock=clock, speed=live.speed)
    timeframes = sorted({one.timeframe for one in live.strategies}) or [live.timeframe]
    if len(timeframes) > 1:
        raise SettingsError(
            f"its strategies want bars of {' and '.join(timeframes)}",
            where=f"live.prices {live.prices!r}",
            hint=f'give all strategies one timeframe, or use "{SIMULATED}", whose ticks make any bar',
        )
    after_ns = max(_start_ns(live), heard_ns // length_ns(timeframes[0]) * length_ns(timeframes[0]))
    if live.prices == EXPORT:
        return replay_export(
            export_file(home),
            symbols,
            timeframes[0],
            speed=live.speed,
            clock=clock,
            after_ns=after_ns,
            needed={one.symbol for one in live.strategies},
        )
    if len(symbols) > 1:
        raise SettingsError(
            f"a file holds one symbol, and {', '.join(symbols)} are to be traded",
            where=f"live.prices {live.prices!r}",
            hint=f'use "{EXPORT}" for several symbols',
        )
    path = Path(live.prices).expanduser()
    return replay_file(path, symbols[0], timeframes[0], speed=live.speed, clock=clock, after_ns=after_ns)


def history(live: LiveSettings, home: Path, strategy: StrategySettings) -> list[BarClosed]:
    """The bars of before `live.replay_from` that a strategy is warmed up by, the oldest first; raises PricesError.

    Prices that are made up have no past, and neither has a replay from its beginning.
    """
    count, before_ns = strategy.warm_up_bars, _start_ns(live)
    if not count or not before_ns or live.prices == SIMULATED:
        return []
    symbol, timeframe = strategy.symbol, strategy.timeframe
    if live.prices == EXPORT:
        return last_bars(export_file(home), symbol, timeframe, count, before_ns // 1_000)
    updates = read_prices(Path(live.prices).expanduser(), symbol, timeframe)
    bars = (one for one in updates if isinstance(one, BarClosed))
    return [*deque(takewhile(lambda bar: bar.ts_ns < before_ns, bars), maxlen=count)]


def trading_hours(live: LiveSettings, home: Path) -> Hours | None:
    """When the symbols are traded, of prices that can be fetched again: those that the data platform published.

    Raises PricesError.
    """
    if live.prices != EXPORT:
        return None
    timeframe = live.strategies[0].timeframe if live.strategies else live.timeframe
    return sessions_of(export_file(home), live.all_symbols(), timeframe)


def length_ns(timeframe: str) -> int:
    """How long a bar lasts."""
    return SECONDS[timeframe] * NS_PER_S


def _start_ns(live: LiveSettings) -> int:
    if live.replay_from is None:
        return 0
    return int(datetime.combine(live.replay_from, time(), tzinfo=UTC).timestamp()) * NS_PER_S
