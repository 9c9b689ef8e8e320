"""`pi5 live`: a day of the live engine, without waiting for midnight, and its money beside the ledger's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED
from pi5_pipelines.cli.options import Day, json_flag
from pi5_pipelines.cli.screen import emit, show, table

if TYPE_CHECKING:
    from pi5_pipelines.ledger.statement import Line, Statement
    from pi5_pipelines.trading_day.trade import Trade

MOST_SHOWN = 20
day_option = click.option(
    "--day", type=Day(), metavar="YYYY-MM-DD", help="UTC day of the wall clock; today unless given."
)


@click.group(short_help="Report a day of the live engine, check it, and lay its money beside the ledger's.")
def live() -> None:
    """Report a UTC day of the live engine, check its trades against the backtester, its money against the ledger.

    All read the engine's journal, whether the engine runs or not.
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


@live.command(short_help="Profit and loss of engine and ledger, side by side.")
@json_flag
@pass_app
def balance(app: App, *, as_json: bool) -> int:
    """Show profit and loss of the engine and of the ledger side by side, by strategy and symbol and in total.

    The engine's side is the fold of its journal, the ledger's are the lake's tables, both after the last event that
    the ledger has taken in. Money is exact; exit code 1 when any figure differs in any digit.
    """
    from pi5_pipelines.ledger.statement import statement

    found = statement(app.settings)
    if as_json:
        emit(_document(found))
    else:
        _show_statement(found)
    return FAILED if found.differences else DONE


def _show_statement(found: Statement) -> None:
    from pi5_pipelines.ledger.postings import text

    columns = ("strategy", "symbol", "currency", "figure", "engine", "ledger", "")
    lines = [*found.accounts, *found.totals]
    names = [(one.strategy or "by hand", one.symbol) for one in found.accounts] + [("total", "")] * len(found.totals)
    rows = [
        (*name, one.currency, one.figure, text(one.engine), text(one.ledger), "" if one.is_equal else "differs")
        for name, one in zip(names, lines, strict=True)
    ]
    title = f"Profit and loss after event {found.seq:,}"
    if rows:
        show(table(title, columns, rows, numbers=("engine", "ledger")))
    if found.behind:
        show(f"The ledger is {found.behind:,} events behind the journal: both sides are as of event {found.seq:,}.")
    show(_verdict(found))


def _verdict(found: Statement) -> str:
    from pi5_pipelines.ledger.postings import text

    if not found.accounts and not found.differences:
        return f"Nothing has been traded up to event {found.seq:,}."
    count = len(found.accounts) + len(found.totals)
    if not found.differences:
        return f"Engine and ledger are equal to the last digit: {count} figures."
    named = "; ".join(f"{_name(one)}: {text(one.engine)} and {text(one.ledger)}" for one in found.differences[:5])
    return f"Engine and ledger differ in {len(found.differences)} of {count} figures: {named}."


def _name(line: Line) -> str:
    account = f"{line.strategy or 'by hand'} on {line.symbol}" if line.symbol else "all together"
    return f"{line.figure} of {account} ({line.currency})"


def _document(found: Statement) -> dict[str, object]:
    from pi5_pipelines.ledger.postings import text

    def told(line: Line) -> dict[str, object]:
        sides = {"engine": text(line.engine), "ledger": text(line.ledger), "equal": line.is_equal}
        return {"currency": line.currency, "figure": line.figure, **sides}

    return {
        "journal": found.journal,
        "seq": found.seq,
        "behind": found.behind,
        "accounts": [{"strategy": one.strategy, "symbol": one.symbol, **told(one)} for one in found.accounts],
        "totals": [told(one) for one in found.totals],
        "differences": len(found.differences),
        "equal": not found.differences,
    }


def _told(trade: Trade | None) -> str:
    if trade is None:
        return "none"
    return f"{trade.side} {trade.quantity} at {trade.price}, fee {trade.fee}"
