"""`pi5 db`: the hot tier's schema, users and settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.db_load import load
from pi5_pipelines.cli.db_tier import compress, retain, tier
from pi5_pipelines.cli.db_tune import tune
from pi5_pipelines.cli.options import FILE, json_flag
from pi5_pipelines.cli.screen import emit, progress, show, size, table

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings
    from pi5_pipelines.timescale.roles import Role


@click.group()
def db() -> None:
    """Keep TimescaleDB, the hot tier: schema, state, users, settings."""


@db.command(short_help="Bring the schema up to date; safe to repeat.")
@json_flag
@pass_app
def migrate(app: App, *, as_json: bool) -> None:
    """Apply the schema's numbered files that the database does not have yet, each in a transaction of its own."""
    from pi5_pipelines.timescale import connection, migrations

    access = connection.access(app.settings.timescale)
    with progress("migrate") as move, connection.connect(access) as open_connection:
        report = migrations.migrate(open_connection, progress=move)
    if as_json:
        emit(
            {
                "database": access.shown,
                "edition": report.edition.name,
                "timescaledb": report.edition.version,
                "applied": report.applied,
                "aggregates": report.aggregates,
                "applied_before": report.before,
            }
        )
        return
    made = [*report.applied, *report.aggregates]
    what = f"applied {', '.join(made)}" if made else "nothing to do"
    show(f"{access.shown}: {what}.", f"TimescaleDB {report.edition.version}, {report.edition.name} edition.")


@db.command(short_help="Server, edition, migrations, tables and their sizes.")
@json_flag
@pass_app
def status(app: App, *, as_json: bool) -> None:
    """Show what the configured server is, which migrations it has, and how large the tables are."""
    from pi5_pipelines.timescale import connection, replica, state

    access = connection.access(app.settings.timescale)
    with connection.connect(access) as open_connection:
        found = state.state(open_connection)
        slots = replica.slots(open_connection)
    reader = reader_of(app.settings)
    if as_json:
        emit({"database": access.shown, **found, "reader": reader, "slots": [asdict(one) for one in slots]})
        return
    rows = [
        (f"{one['number']:04}", one["name"], one["state"], (one["applied_at_utc"] or "")[:16].replace("T", " "))
        for one in found["migrations"]
    ]
    sizes = [
        (one["table"], one["rows_about"], size(one["bytes"]), one["chunks"])
        for one in found["tables"]
        if one["rows_about"]
    ]
    version = (
        f"TimescaleDB {found['timescaledb']}, {found['edition']} edition" if found["edition"] else "no TimescaleDB"
    )
    parts: list[Any] = [
        f"{access.shown}: PostgreSQL {found['postgres']}, {version}",
        table("", ("", "migration", "state", "applied (UTC)"), rows),
    ]
    if sizes:
        numbers = ("rows, about", "size", "chunks")
        parts.append(table("", ("table", *numbers), sizes, numbers=numbers))
    if reader:
        parts.append(f"Readers: {reader['database']}, {reader['lag']}")
        parts += [f"They do not read from [timescale] reader_dsn: {reader['fell_back']}"] if reader["fell_back"] else []
    parts += [f"Replication slot: {one.trouble}" for one in slots if one.trouble]
    if not found["up_to_date"]:
        parts.append("Next: pi5 db migrate")
    show(*parts)


def reader_of(settings: Settings) -> dict[str, Any] | None:
    """Who answers readers now, and how far that is behind; None where there is no reader_dsn."""
    from pi5_pipelines.timescale.replica import reader_lag

    if not settings.timescale.reader_dsn:
        return None
    reader, lag = reader_lag(settings.timescale)
    return {"database": reader.shown, "fell_back": reader.fell_back, "lag": lag.sentence, **asdict(lag)}


@db.command(short_help="Make a login of a role, its password from a file.")
@click.argument("name")
@click.option("--role", type=click.Choice(["owner", "writer", "engine", "reader"]), required=True)
@click.option("--password-file", type=FILE, required=True, metavar="PATH", help="One line, readable by you alone.")
@pass_app
def user(app: App, name: str, *, role: Role, password_file: Path) -> None:
    """Make the login NAME, or give it another role or password.

    A reader may read, a writer add and correct rows, an owner do everything to the tables. The live engine adds and
    corrects what it did, and sees nothing else.
    """
    from pi5_pipelines.timescale import connection, roles

    access = connection.access(app.settings.timescale)
    with connection.connect(access) as open_connection:
        roles.put_user(open_connection, name, role, password_file)
    show(f"{access.shown}: {name} is a {role}.")


for command in (load, compress, tier, retain, tune):
    db.add_command(command)
