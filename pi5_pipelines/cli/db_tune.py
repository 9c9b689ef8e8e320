"""`pi5 db tune`: what the database server should be set to here, and the server set so."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.options import FILE, json_flag
from pi5_pipelines.cli.screen import emit, show

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings
    from pi5_pipelines.timescale.server_settings import Applied
    from pi5_pipelines.timescale.tuning import Advice, Machine


@click.command(short_help="Settings for a server that shares this machine; --apply sets them.")
@click.option("--memory", metavar="SIZE", help="Of the machine, as 4GB or 8GB; this one's unless given.")
@click.option("--cores", type=click.IntRange(min=1), help="Of the machine; this one's unless given.")
@click.option("--apply", "applies", is_flag=True, help="Write them where the server reads them, and load them.")
@click.option("--file", type=FILE, metavar="PATH", help="With --apply: the file to write, instead of asking.")
@json_flag
@pass_app
def tune(app: App, *, memory: str | None, cores: int | None, applies: bool, file: Path | None, as_json: bool) -> None:
    """Print a fragment of postgresql.conf with the reason for every line.

    It leaves room for Dagster, the live engine and DuckDB ([duckdb] memory_limit). With --apply it becomes pi5.conf in
    the folder that the server's postgresql.conf includes; the server tries it, loads it, and what needs a restart is
    named. That takes a superuser in [timescale] dsn.
    """
    from pi5_pipelines.timescale import server_settings
    from pi5_pipelines.timescale.tuning import advise, fragment

    if file is not None and not applies:
        raise OptionError("it says where --apply writes", where="--file", hint="add --apply")
    machine = machine_of(app.settings, memory, cores)
    advice = advise(machine)
    if not applies:
        if as_json:
            emit(document(machine, advice))
        else:
            click.echo(fragment(advice, machine), nl=False)
        return
    if file is not None:
        server_settings.write(file.absolute(), fragment(advice, machine))
        told: dict[str, Any] = {"path": str(file)}
        shown = [f"{file} is written.", "Next: restart the server that includes it."]
    else:
        done = applied(app.settings, advice, machine)
        told, shown = asdict(done), lines(done)
    if as_json:
        emit({**document(machine, advice), "applied": told})
    else:
        show(*shown)


def machine_of(settings: Settings, memory: str | None, cores: int | None) -> Machine:
    """The machine that is meant, with what DuckDB may take of its memory; raises OptionError."""
    from pi5_pipelines.timescale.tuning import GB, Machine, memory_of

    here = Machine.this(memory_of(settings.duckdb.memory_limit) or GB)
    size = memory_of(memory) if memory else here.memory
    if not size:
        raise OptionError(f"{memory!r} is no size of a memory", where="--memory", hint="write it as 4GB or 8GB")
    return Machine(size, cores or here.cores, here.duckdb)


def applied(settings: Settings, advice: list[Advice], machine: Machine) -> Applied:
    """Set the configured server so; raises TimescaleError."""
    from pi5_pipelines.timescale import connection, server_settings
    from pi5_pipelines.timescale.tuning import fragment, with_libraries

    with connection.connect(connection.access(settings.timescale)) as open_connection:
        path = server_settings.target(open_connection)
        fitting = with_libraries(advice, *server_settings.libraries(open_connection))
        return server_settings.apply(open_connection, path, fragment(fitting, machine), fitting)


def document(machine: Machine, advice: list[Advice]) -> dict[str, Any]:
    """The advice for machines."""
    return {**asdict(machine), "settings": [asdict(one) for one in advice]}


def lines(done: Applied) -> list[str]:
    """What applying did, for people."""
    told = [f"{done.path}: {'written' if done.changed else 'as it was'}, tried by the server, and loaded."]
    if done.reloaded:
        told.append(f"In force now: {', '.join(done.reloaded)}.")
    told += [f"{name} stays as it is: {file} sets it too, and is read later." for name, file in done.overridden]
    if done.restart:
        told.append(f"After a restart: {', '.join(done.restart)}.")
        told.append("Next: sudo systemctl restart postgresql")
    return told
