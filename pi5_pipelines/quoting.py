"""How many decimals a symbol is stored with: what its rows have already, what pi5.toml says, or what its prices need.

Stored prices are whole numbers, and only the scale says what they mean: it is chosen once, with a symbol's first bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import ConfigError
from pi5_pipelines.market.bars import fewest_decimals
from pi5_pipelines.settings import AUTO
from trading.instrument import PRICE_SCALE
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pi5_pipelines.settings import Settings
    from pi5_pipelines.sources.base import Piece
    from trading.instrument import Instrument

DAY_S = 86_400


def quoted(settings: Settings, piece: Piece, stored: Mapping[str, Any] | None) -> Instrument:
    """The instrument of newly arrived bars; `stored` is the symbol's row in the lake, None for a new symbol.

    Raises ConfigError where pi5.toml asks for other scales than the stored rows have.
    """
    name = piece.symbol
    if stored is None:
        return settings.instrument(name, _needed(settings, piece))
    found = settings.instrument(name, int(stored["price_scale"]))
    for key in ("price_scale", "size_scale"):
        asked, has = getattr(found, key), stored[key]
        if asked != has:
            automatic = key == "price_scale" and settings.quoting(name).price_scale == AUTO
            raise ConfigError(
                f"{key} of {name} is {has} in its stored rows, but {asked} is asked for",
                where=f"[instruments.{name if name in settings.instruments else 'default'}] of pi5.toml",
                hint="put tick_size back, or take all of it into another home"
                if automatic
                else f"write {key} = {has} under [instruments.{name}], or take all of it into another home",
            )
    return found


def _needed(settings: Settings, piece: Piece) -> int:
    """Decimals for a new symbol.

    A day's bar takes no room to speak of, and may be finer one day than its first ones. Millions of minutes do, nearly
    half as much again for two decimals that no price has (docs/benchmarks.md, bench_tiering).
    """
    if settings.quoting(piece.symbol).price_scale != AUTO or SECONDS[settings.ingest.timeframe] >= DAY_S:
        return PRICE_SCALE
    return fewest_decimals(piece.bars, PRICE_SCALE)
