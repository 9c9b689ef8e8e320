"""Options of costs and frictions beyond plain basis points, and what a result says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.options import FILE
from trading.friction_options import (
    FEES_FORMS,
    IMPACT_FORMS,
    LATENCY_FORMS,
    LIMITS_FORMS,
    MARGIN_FORMS,
    SCHEDULE_FORMS,
    SLIPPAGE_FORMS,
    SPREAD_FORMS,
)
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.frictions import FrictionSpec
    from pi5_pipelines.cli.app import App

F = TypeVar("F", bound="Callable[..., object]")

COUNTS = (
    ("ambiguous bars", "ambiguous_bars"),
    ("orders rejected", "orders_rejected"),
    ("margin calls", "margin_calls"),
)


def _rate(name: str, meaning: str) -> Callable[[F], F]:
    return click.option(f"--{name}-pct", type=float, default=0.0, show_default=True, help=meaning)


OPTIONS = (
    click.option("--fees", default="", metavar="FORM", help=f"In place of --fee-bps: {FEES_FORMS}."),
    click.option("--spread", default="", metavar="FORM", help=f"Takers pay half of it: {SPREAD_FORMS}."),
    click.option("--slippage", default="", metavar="FORM", help=f"Besides --slippage-bps: {SLIPPAGE_FORMS}."),
    click.option("--impact", default="", metavar="FORM", help=f"Of large orders: {IMPACT_FORMS}."),
    click.option(
        "--latency", default="", metavar="FORM", help=f"Orders arrive late: {LATENCY_FORMS} (with finer bars)."
    ),
    click.option("--margin", default="", metavar="FORM", help=f"Equity that a position needs: {MARGIN_FORMS}."),
    click.option("--leverage", type=float, default=1.0, show_default=True, help="Exposure of a full target."),
    _rate("borrow", "A year, on the value of a short position."),
    _rate("funding", "For 8 hours, as a perpetual contract pays; below zero longs receive it."),
    _rate("interest", "A year, on free cash."),
    _rate("debit", "A year, on cash owed."),
    click.option("--dividends", is_flag=True, help="Pay them to longs and take them from shorts (--adjust splits)."),
    click.option("--tick", type=float, default=0.0, show_default=True, help="Step of prices; 0: the instrument's own."),
    click.option("--limits", default="", metavar="FORM", help=f"Of many symbols, parts of equity: {LIMITS_FORMS}."),
    click.option("--rebalance", default="", metavar="FORM", help=f"Of many symbols: {SCHEDULE_FORMS}."),
    click.option("--fine-bars", type=FILE, metavar="FILE", help="Shorter bars that decide within each bar."),
    click.option("--fine-timeframe", type=click.Choice(list(SECONDS)), help="The same, from the lake."),
)


def friction_options(command: F) -> F:
    """Add the fields of FrictionSpec by their names, and where finer bars come from."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def split_frictions(rules: dict[str, Any]) -> tuple[dict[str, Any], FrictionSpec]:
    """The options of BacktestSpec itself, and those of its frictions."""
    import msgspec

    from pi5_pipelines.backtest.frictions import FrictionSpec

    names = {field.name for field in msgspec.structs.fields(FrictionSpec)}
    plain = {name: value for name, value in rules.items() if name not in names}
    return plain, FrictionSpec(**{name: value for name, value in rules.items() if name in names})


def load_fine(
    app: App, path: Path | None, timeframe: str | None, bars: Sequence[Bars], adjust: str | None
) -> Bars | None:
    """The finer bars asked for; raises OptionError for two sources, or for bars that are no finer."""
    from pi5_pipelines.backtest.bars import bars_from_file, bars_from_lake

    if path is None and timeframe is None:
        return None
    where = "--fine-bars" if path is not None else "--fine-timeframe"
    if (path is not None and timeframe is not None) or len(bars) != 1:
        raise OptionError("one file or one timeframe, for one symbol", where=where, hint="leave the other out")
    if (path is not None) != ("file" in bars[0].input):
        raise OptionError(
            "bars and finer bars come from different sources",
            where=where,
            hint="--fine-bars goes with --bars, --fine-timeframe with --symbol",
        )
    if path is not None:
        fine = bars_from_file(path)
    else:
        fine = bars_from_lake(app.lake, bars[0].symbol, timeframe or "", adjust=adjust or "total-return")
    if SECONDS[fine.timeframe] >= SECONDS[bars[0].timeframe]:
        raise OptionError(
            f"bars of {fine.timeframe} are no finer than {bars[0].timeframe}", where=where, hint="give shorter bars"
        )
    return fine


def friction_rows(document: dict[str, Any]) -> list[tuple[str, float]]:
    """Costs by kind and what was counted, as far as there is anything to tell."""
    told = {"fees", "slippage"}
    kinds = [(name.replace("_", " "), value) for name, value in document["costs"].items() if value and name not in told]
    return [*kinds, *((name, document[key]) for name, key in COUNTS if document[key])]
