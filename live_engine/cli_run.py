"""`live-engine run`: the engine itself, until it is told to stop or its prices end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from live_engine.cli_config import config
from live_engine.engine import Engine
from live_engine.errors import LiveEngineError, SettingsError
from live_engine.floor import Floor
from live_engine.journal import consumers
from live_engine.journal.writer import Journal
from live_engine.logs.setup import configure
from live_engine.notify import Notifier
from live_engine.prices import open_stream
from live_engine.projection import CONSUMER
from live_engine.restore import restore
from live_engine.settings import (
    exported_days,
    has_backups,
    journal_file,
    load_dsn,
    load_home,
    load_instruments,
    load_settings,
)
from live_engine.vitals.monitor import Monitor

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

    from live_engine.engine import Service
    from live_engine.events import Event
    from live_engine.front_office import FrontOffice
    from live_engine.orders.order import Order
    from live_engine.settings import Database, LiveSettings
    from live_engine.vitals.readings import RetentionWait
    from trading.instrument import Instrument

FAILED, WRONG_CONFIGURATION = 1, 2
SWITCH_S = (
    0.0005  # the loop lends the interpreter to the journal's thread so often, not every 5 ms: a commit takes four turns
)


@click.command()
@config
def run(path: Path) -> None:
    """Trade on paper what [[live.strategies]] says and what is asked for by hand, on the prices of `live.prices`.

    Ends with exit code 0 when told to (SIGTERM, Ctrl-C) or when the prices end, with 2 for wrong settings (nothing to
    be gained by starting again) and with 1 for anything else.
    """
    try:
        home, live = load_home(path), load_settings(path)
        symbols = live.all_symbols()
        if not symbols:
            raise SettingsError(
                "there is nothing to trade",
                where=str(path),
                hint="add [[live.strategies]] with `name` and `symbol`, or name live.symbols to trade by hand",
            )
        instruments, database = load_instruments(path, symbols), load_dsn(path)
        must_be_backed_up = has_backups(path)
        stop_logs = configure(home, os.environ)
        try:
            reason, seq = asyncio.run(trade(live, home, instruments, database, must_be_backed_up=must_be_backed_up))
        finally:
            stop_logs()
    except LiveEngineError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(WRONG_CONFIGURATION if isinstance(error, SettingsError) else FAILED)
    click.echo(f"ended: {reason}; the journal holds {seq} events ({journal_file(home)})")


async def trade(
    live: LiveSettings,
    home: Path,
    instruments: Sequence[Instrument],
    database: Database | None,
    *,
    must_be_backed_up: bool = False,
) -> tuple[str, int]:
    """Run an engine with a journal of its own; answers why it ended and the journal's last seq.

    With `must_be_backed_up` no old day leaves the journal before a backup holds it.
    """
    sys.setswitchinterval(SWITCH_S)
    clock = time.monotonic_ns
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    bound = _listen(live)
    with Journal(journal_file(home)) as journal:
        state = restore(journal.path, live.strategies, exported_days(home))
        heard_ns = state.risk.clock.heard_ns
        stream = open_stream(live, home, clock=clock, wall_ns=time.time_ns(), heard_ns=heard_ns)
        floor = Floor(journal, state, live, instruments)
        monitor = Monitor(home, floor, journal)
        office = _office(floor, journal, monitor)
        engine = Engine(
            journal,
            floor,
            stream,
            live=live,
            home=home,
            clock=clock,
            monitor=monitor,
            on_price=office.on_price,
        )
        services = [] if bound is None else [_answering(office, live, home, bound)]
        if live.journal_keep_days:
            services.append(_keeping_house(journal, monitor, live, home, must_be_backed_up=must_be_backed_up))
        if database is None:  # nobody is to wait for one that there was before
            await asyncio.wrap_future(journal.run(lambda file: consumers.forget(file, CONSUMER)))
        else:
            services.append(_projecting(journal, monitor, database))
        reason = await engine.run(stop, Notifier(os.environ), version=version("pi5"), services=services)
        return reason, engine.seq


def _office(floor: Floor, journal: Journal, monitor: Monitor) -> FrontOffice:
    """The floor as the API sees it, which hears of every event, as the figures do."""
    from live_engine.front_office import FrontOffice

    office = FrontOffice(floor, journal.path, reasons=monitor.reasons, figures=monitor.figures)

    def on_event(event: Event, changed: Order | None) -> None:
        monitor.events.on_event(event, changed)
        office.on_event(event, changed)

    floor.on_event = on_event
    office.on_repeated = monitor.events.on_duplicate
    return office


def _listen(live: LiveSettings) -> socket.socket | None:
    """The socket to answer on, taken before anything is traded; None with port 0."""
    if live.port == 0:
        return None
    from live_engine.api.server import listen

    return listen(live)


def _answering(office: FrontOffice, live: LiveSettings, home: Path, bound: socket.socket) -> Service:
    """The API as a service of the engine."""
    from live_engine.api.server import build, serve
    from live_engine.api.tokens import Tokens, tokens_file

    app = build(office, live, Tokens(tokens_file(home)))
    return lambda ended: serve(app, live, bound, ended)


def _projecting(journal: Journal, monitor: Monitor, database: Database) -> Service:
    """The journal's way to TimescaleDB as a service of the engine."""
    from live_engine.projection.projector import Projector

    projector = Projector(
        journal.path,
        database,
        last_seq=lambda: journal.last_seq,
        place=lambda seq: journal.run(lambda file: consumers.place(file, CONSUMER, seq, time.time_ns())),
    )
    monitor.consumers.append(lambda: (CONSUMER, projector.projected_seq, projector.last_error))
    return projector.run


def _keeping_house(
    journal: Journal, monitor: Monitor, live: LiveSettings, home: Path, *, must_be_backed_up: bool
) -> Service:
    """Retention as a service of the engine."""
    from live_engine.housekeeping import House, keep_house

    house = House(exported_days(home), live.journal_keep_days, must_be_backed_up)

    def on_waits(waits: tuple[RetentionWait, ...]) -> None:
        monitor.retention = waits

    return lambda ended: keep_house(journal, house, ended, wall=time.time_ns, on_waits=on_waits)
