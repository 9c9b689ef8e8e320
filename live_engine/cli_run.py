"""`live-engine run`: the engine itself, until it is told to stop or its prices end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path

import click

from live_engine.engine import Engine
from live_engine.errors import LiveEngineError, SettingsError
from live_engine.journal.writer import Journal
from live_engine.notify import Notifier
from live_engine.prices import open_stream
from live_engine.settings import LiveSettings, journal_file, load_home, load_settings

FAILED, WRONG_CONFIGURATION = 1, 2
UNHEEDED = ("risk", "tls_cert", "tls_key", "behind_proxy", "allowed_hosts")


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), required=True, metavar="PATH", help="pi5.toml.")
def run(path: Path) -> None:
    """Trade on paper what [[live.strategies]] says, on the prices of `live.prices`.

    Ends with exit code 0 when told to (SIGTERM, Ctrl-C) or when the prices end, with 2 for wrong settings (nothing to
    be gained by starting again) and with 1 for anything else.
    """
    try:
        home, live = load_home(path), load_settings(path)
        if not live.strategies:
            raise SettingsError(
                "there is nothing to trade", where=str(path), hint="add [[live.strategies]] with `name` and `symbol`"
            )
        _refuse_unheeded(live, path)
        reason, seq = asyncio.run(trade(live, home))
    except LiveEngineError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(WRONG_CONFIGURATION if isinstance(error, SettingsError) else FAILED)
    click.echo(f"ended: {reason}; the journal holds {seq} events ({journal_file(home)})")


def _refuse_unheeded(live: LiveSettings, path: Path) -> None:
    """Raise SettingsError for a key that is checked but that nothing follows yet: somebody would rely on it."""
    for name in UNHEEDED:
        if getattr(live, name) != getattr(LiveSettings(), name):
            raise SettingsError(
                f"key 'live.{name}' is set, and the engine does not follow it yet",
                where=str(path),
                hint="take it out, so that nobody relies on it; `cash` bounds what a strategy can lose",
            )


async def trade(live: LiveSettings, home: Path) -> tuple[str, int]:
    """Run an engine with a journal of its own; answers why it ended and the journal's last seq."""
    clock = time.monotonic_ns
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    stream = open_stream(live, home, clock=clock, wall_ns=time.time_ns())
    with Journal(journal_file(home)) as journal:
        engine = Engine(journal, stream, live.strategies, clock=clock)
        reason = await engine.run(stop, Notifier(os.environ), version=version("pi5"))
        return reason, engine.seq
