"""Options of money, rules, costs and frictions, and what a result says of the latter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path  # noqa: TC003 - the fields are read at run time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.options import FILE, gathered
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

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.cli.app import App
    from pi5_pipelines.cli.series import Series

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
)


RULES = (
    click.option("--cash", type=float, default=10_000.0, show_default=True),
    click.option("--fee-bps", type=float, default=0.0, show_default=True, help="Per side, on the value traded."),
    click.option("--slippage-bps", type=float, default=0.0, show_default=True, help="Against you, at every fill."),
    click.option("--fill", type=click.Choice(["next-open", "close"]), default="next-open", show_default=True),
    click.option("--sizing", default="all-in", show_default=True, metavar="all-in|all-in-fractional|units=N"),
    click.option("--direction", type=click.Choice(["both", "long"]), default="both", show_default=True),
    click.option("--close-at-end/--leave-open", default=True, show_default=True, help="The last position."),
)
RULE_NAMES = ("cash", "fee_bps", "slippage_bps", "fill", "sizing", "direction", "close_at_end")


def spec_options(command: F) -> F:
    """Add the fields of BacktestSpec and FrictionSpec by their names; the command gets `rules` for the former."""

    @wraps(command)
    def run(*arguments: object, **given: Any) -> object:  # noqa: ANN401 - what options hold
        from pi5_pipelines.backtest.frictions import FrictionSpec

        rules = {name: given.pop(name) for name in RULE_NAMES}
        frictions = FrictionSpec(**{name: given.pop(name) for name in FrictionSpec.__struct_fields__})
        return command(*arguments, **given, rules={**rules, "frictions": frictions})

    for option in reversed((*RULES, *OPTIONS)):
        run = option(run)
    return run  # type: ignore[return-value]  # click keeps a function's type


@dataclass(frozen=True, slots=True)
class Fine:
    """Where finer bars come from, at most one of both."""

    fine_bars: Path | None
    fine_timeframe: str | None

    def __bool__(self) -> bool:
        return self.fine_bars is not None or self.fine_timeframe is not None


fine_options = gathered(
    "fine",
    Fine,
    click.option("--fine-bars", type=FILE, metavar="FILE", help="Shorter bars that decide within each bar."),
    click.option("--fine-timeframe", type=click.Choice(list(SECONDS)), help="The same, from the lake."),
)


def load_fine(app: App, fine: Fine, bars: Sequence[Bars], series: Series) -> Bars | None:
    """The finer bars asked for; raises OptionError for two sources, or for bars that are no finer."""
    from pi5_pipelines.backtest.bars import bars_from_file, bars_from_lake

    if not fine:
        return None
    path, timeframe = fine.fine_bars, fine.fine_timeframe
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
        found = bars_from_file(path)
    else:
        found = bars_from_lake(app.lake, bars[0].symbol, timeframe or "", adjust=series.adjustment)
    if SECONDS[found.timeframe] >= SECONDS[bars[0].timeframe]:
        raise OptionError(
            f"bars of {found.timeframe} are no finer than {bars[0].timeframe}", where=where, hint="give shorter bars"
        )
    return found


def friction_rows(document: dict[str, Any]) -> list[tuple[str, float]]:
    """Costs by kind and what was counted, as far as there is anything to tell."""
    told = {"fees", "slippage"}
    kinds = [(name.replace("_", " "), value) for name, value in document["costs"].items() if value and name not in told]
    return [*kinds, *((name, document[key]) for name, key in COUNTS if document[key])]
