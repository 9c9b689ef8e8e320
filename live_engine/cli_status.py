"""`live-engine status`: orders, positions and what was earned, folded from the journal; the engine need not run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from live_engine.cli_config import config
from live_engine.errors import JournalMissingError, LiveEngineError, SettingsError
from live_engine.events import OrderIntent
from live_engine.journal.reader import JournalReader
from live_engine.orders.book import OrderBook
from live_engine.settings import journal_file, load_home

if TYPE_CHECKING:
    from pathlib import Path

    from live_engine.orders.positions import Position

FAILED, WRONG_CONFIGURATION = 1, 2


@click.command()
@config
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def status(path: Path, *, as_json: bool) -> None:
    """What the journal says is held, was earned and is on order; exit code 1 when it cannot be read, 2 for settings."""
    try:
        found = state_of(journal_file(load_home(path)))
    except LiveEngineError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(WRONG_CONFIGURATION if isinstance(error, SettingsError) else FAILED)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(f"{found['events']} events; {found['orders']} orders, {len(found['open_orders'])} of them open")
    for one in found["positions"]:
        price = "" if one["average_price"] is None else f" at {one['average_price']:f} on average"
        click.echo(
            f"{one['symbol']}: {one['quantity']:f} held{price}, {one['realised']:f} earned, {one['fees']:f} fees"
        )


def state_of(journal: Path) -> dict[str, Any]:
    """The fold of a journal's orders and fills; raises JournalError."""
    book, count, orders = OrderBook(), 0, 0
    with JournalReader(journal) as reader:
        if reader.first_seq() > 1:
            raise JournalMissingError(
                f"events before {reader.first_seq()} were removed, and with them what was held",
                where=str(journal),
                hint="put the exported days together with it",
            )
        for event in reader.since(0):
            book.apply(event.body, event.seq, event.wall_ns)
            orders += isinstance(event.body, OrderIntent)
            count += 1
    return {
        "events": count,
        "orders": orders,
        "open_orders": [{"id": one.id, "status": str(one.status), "leaves": one.leaves} for one in book.open_orders()],
        "positions": [_told(one) for one in book.positions.by_symbol.values()],
        "cash": book.positions.cash,
    }


def _told(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "quantity": position.quantity,
        "average_price": position.average_price,
        "realised": position.realised,
        "fees": position.fees,
    }
