"""Where the engine's prices come from, by `live.prices`: what the data platform published, a file, or made up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from live_engine.errors import SettingsError
from live_engine.streams.replay import replay_export, replay_file
from live_engine.streams.simulated import RandomWalk, simulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.settings import LiveSettings
    from live_engine.streams.stream import Stream

EXPORT, SIMULATED = "export", "simulated"


def export_file(home: Path) -> Path:
    """The file that the data platform publishes for the engine."""
    return home / "exports" / "market.sqlite"


def open_stream(live: LiveSettings, home: Path, *, clock: Callable[[], int], wall_ns: int) -> Stream:
    """The stream that the settings name; raises SettingsError where they do not fit together.

    `clock` never steps back; `wall_ns` (UTC) is where made up prices begin.
    """
    symbols = sorted({one.symbol for one in live.strategies})
    if live.prices == SIMULATED:
        like = RandomWalk(seed=live.seed, start_ns=wall_ns)
        return simulated(symbols, like, clock=clock, speed=live.speed)
    timeframes = sorted({one.timeframe for one in live.strategies})
    if len(timeframes) > 1:
        raise SettingsError(
            f"its strategies want bars of {' and '.join(timeframes)}",
            where=f"live.prices {live.prices!r}",
            hint=f'give all strategies one timeframe, or use "{SIMULATED}", whose ticks make any bar',
        )
    if live.prices == EXPORT:
        return replay_export(export_file(home), symbols, timeframes[0], speed=live.speed, clock=clock)
    if len(symbols) > 1:
        raise SettingsError(
            f"a file holds one symbol, and strategies trade {', '.join(symbols)}",
            where=f"live.prices {live.prices!r}",
            hint=f'use "{EXPORT}" for several symbols',
        )
    return replay_file(Path(live.prices).expanduser(), symbols[0], timeframes[0], speed=live.speed, clock=clock)
