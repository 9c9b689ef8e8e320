"""`pi5 live`: a day of the live engine, without waiting for midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED
from pi5_pipelines.cli.options import Day, json_flag
from pi5_pipelines.cli.screen import emit, show

if TYPE_CHECKING:
    from pi5_pipelines.trading_day.trade import Trade

MOST_SHOWN = 20
day_option = click.option(
    "--day", type=Day(), metavar="YYYY-MM-DD", help="UTC day of the wall clock; today unless given."
)


@click.group(short_help="Report a day of the live engine, and check it against the backtester.")
def live() -> None:
    """Report a UTC day of the live engine, and check its trades against the backtester.

    Both read the engine's journal, whether the engine runs or not.
    """


@live.command(short_help="Write the page of a day.")
@day_option
@json_flag
@pass_app
def report(app: App, day: date | None, *, as_json: bool) -> None:
    """Write HOME/reports/trading/DAY.html and .json, with the check against the backtester."""
    from pi5_pipelines.trading_day.write import page_file, report_file, write_check, write_report

    day = day or datetime.now(UTC).date()
    check = write_check(app.settings, day)
    found = write_report(app.settings, day)
    if as_json:
        figures = {"fills": len(found.fills), "orders": found.orders, "differences": len(check.differences)}
        emit({"page": str(page_file(app.settings, day)), "json": str(report_file(app.settings, day)), **figures})
        return
    show(f"{page_file(app.settings, day)}: {found.orders:,} orders, {len(found.fills):,} fills; {check.sentence}")


@live.command(short_help="Trade the bars of a day again, as a backtest does.")
@day_option
@json_flag
@pass_app
def check(app: App, day: date | None, *, as_json: bool) -> int:
    """Trade the bars of a day again, with the recorded parameters and costs; exit code 1 when a trade differs."""
    import msgspec

    from pi5_pipelines.trading_day.write import ENCODER, write_check

    day = day or datetime.now(UTC).date()
    found = write_check(app.settings, day)
    if as_json:
        emit(msgspec.json.decode(ENCODER.encode(found)))
        return DONE if found.good else FAILED
    show(f"{day}: {found.sentence}")
    for one in found.differences[:MOST_SHOWN]:
        side = one.live or one.simulated
        where = f"{side.strategy} on {side.symbol}" if side else ""
        show(f"  {one.kind}: {where}: live {_told(one.live)}; backtester {_told(one.simulated)}")
    if len(found.differences) > MOST_SHOWN:
        show(f"  and {len(found.differences) - MOST_SHOWN:,} more: --json has all")
    return DONE if found.good else FAILED


def _told(trade: Trade | None) -> str:
    if trade is None:
        return "none"
    return f"{trade.side} {trade.quantity} at {trade.price}, fee {trade.fee}"
