"""`live-engine journal`: look into the journal, check it and write its closed days out; a running engine goes on."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from live_engine.errors import LiveEngineError, SettingsError
from live_engine.events import Event, encoder, type_of
from live_engine.journal.export import export
from live_engine.journal.reader import JournalReader
from live_engine.journal.search import search
from live_engine.journal.verify import verify
from live_engine.settings import exported_days, journal_file, load_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOOD, DAMAGED, WRONG_CONFIGURATION = 0, 1, 2
NS_PER_S = 1_000_000_000


@click.group()
def journal() -> None:
    """Look into the journal: exit code 0 when all is well, 1 when it is missing or damaged, 2 for wrong settings."""


def options(command: Callable[..., None]) -> Callable[..., None]:
    """--config and --json, which every command has."""
    where = click.Path(path_type=Path)
    config = click.option(
        "--config", "path", type=where, default=Path("pi5.toml"), show_default=True, metavar="PATH", help="pi5.toml."
    )
    return config(click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")(command))


@journal.command("verify")
@options
def verify_command(path: Path, *, as_json: bool) -> None:
    """Read all of it: pages, order, every event, consumers."""
    with explained(as_json=as_json):
        report = verify(journal_file(load_home(path)))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        for problem in report.problems:
            click.echo(f"error: {problem}", err=True)
        told = "is whole" if not report.problems else "is damaged"
        click.echo(f"{report.path} {told}: {report.events} events, {report.first_seq} to {report.last_seq}")
    sys.exit(DAMAGED if report.problems else GOOD)


@journal.command("tail")
@options
@click.option("-n", "--events", "count", type=click.IntRange(min=0), default=20, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with each new event until interrupted.")
def tail_command(path: Path, *, as_json: bool, count: int, follow: bool) -> None:
    """Show the last events, one a line."""
    with explained(as_json=as_json), JournalReader(journal_file(load_home(path))) as reader:
        start = max(0, reader.last_seq() - count)
        for event in reader.tail(start) if follow else reader.since(start):
            click.echo(line(event, as_json=as_json))


@journal.command("export")
@options
def export_command(path: Path, *, as_json: bool) -> None:
    """Write the UTC days that are over to PI5_HOME/exports/journal, one file of JSON lines each."""
    with explained(as_json=as_json):
        home = load_home(path)
        files = export(journal_file(home), exported_days(home), now_ns=time.time_ns())
    if as_json:
        click.echo(json.dumps({"files": [str(file) for file in files]}))
    else:
        click.echo("\n".join(map(str, files)) or "every day that is over is written already")


@journal.command("search")
@options
@click.argument("words", nargs=-1, required=True)
@click.option("-n", "--events", "count", type=click.IntRange(min=1), default=50, show_default=True, help="How many.")
def search_command(path: Path, words: tuple[str, ...], *, as_json: bool, count: int) -> None:
    """Show the newest events that hold all WORDS; `word*` finds what begins so."""
    with explained(as_json=as_json):
        for event in search(journal_file(load_home(path)), " ".join(words), limit=count):
            click.echo(line(event, as_json=as_json))


def line(event: Event, *, as_json: bool) -> str:
    """An event on one line: as it is exported, or seq, UTC time, type and values for a person."""
    if as_json:
        return encoder.encode(event).decode()
    values = {name: value for name, value in msgspec.to_builtins(event.body).items() if name != "type"}
    seconds, rest = divmod(event.wall_ns, NS_PER_S)
    moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000:06d}Z"
    told = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return f"{event.seq} {moment} {type_of(event.body)} {told}".rstrip()


@contextmanager
def explained(*, as_json: bool) -> Iterator[None]:
    """End with one line and the exit code of what went wrong."""
    try:
        yield
    except LiveEngineError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        if as_json:
            click.echo(json.dumps({"error": {"what": error.what, "where": error.where, "hint": error.hint}}))
        sys.exit(WRONG_CONFIGURATION if isinstance(error, SettingsError) else DAMAGED)
    except KeyboardInterrupt:
        sys.exit(GOOD)
