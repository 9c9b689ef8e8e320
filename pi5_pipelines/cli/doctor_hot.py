"""What `pi5 doctor` looks at where a TimescaleDB is configured: server, edition, schema, settings, replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.cli.doctor import Finding
from pi5_pipelines.errors import Pi5Error

if TYPE_CHECKING:
    import psycopg

    from pi5_pipelines.settings import Settings

LAG_S = 60


def hot_tier(settings: Settings) -> list[Finding]:
    """All findings; nothing without [timescale] dsn, and only the first where nobody answers."""
    from pi5_pipelines.timescale import connection

    if not settings.timescale.dsn:
        return []
    try:
        access = connection.access(settings.timescale)
        with connection.connect(access) as opened:
            found = [*server(opened, access.shown), *tuned(opened, settings)]
        return [*found, *replica(settings)]
    except Pi5Error as error:
        return [Finding("TimescaleDB", "fail", f"{error.where}: {error.what}", error.hint)]


def server(opened: psycopg.Connection, shown: str) -> list[Finding]:
    """Edition, version and schema; raises ExtensionError."""
    from pi5_pipelines.timescale.edition import detect
    from pi5_pipelines.timescale.migrations import applied, migrations, states

    edition = detect(opened)
    what = f"{shown}: {edition.version}, {edition.name} edition, PostgreSQL {edition.postgres}"
    untried = "" if edition.is_tried else "it is newer than any that the tests ran against; look at the release notes"
    behind = [f"{number:04} {name} is {state}" for number, name, state, _ in states(migrations(), applied(opened))]
    behind = [one for one in behind if not one.endswith("applied")]
    return [
        Finding("TimescaleDB", "warn" if untried else "ok", what, untried),
        Finding("its schema", "fail", "; ".join(behind), "pi5 db migrate, with a program as new as the database")
        if behind
        else Finding("its schema", "ok", "up to date"),
    ]


def tuned(opened: psycopg.Connection, settings: Settings) -> list[Finding]:
    """A warning for every setting that is not as advised; a server elsewhere is looked at from there."""
    from pi5_pipelines.cli.db_tune import machine_of
    from pi5_pipelines.timescale.server_settings import differences, is_here
    from pi5_pipelines.timescale.tuning import advise

    if not is_here(opened):
        return [Finding("its settings", "ok", "not compared: it runs on another machine; run `pi5 doctor` there")]
    found = differences(opened, advise(machine_of(settings, None, None)))
    mend = "pi5 db tune --apply"
    return [
        Finding("its settings", "warn", f"{one.name} is {one.running}, advised {one.advised}: {one.reason}", mend)
        for one in found
    ] or [Finding("its settings", "ok", "as `pi5 db tune` advises")]


def replica(settings: Settings) -> list[Finding]:
    """Who answers readers, and how far that is behind; nothing without [timescale] reader_dsn."""
    from pi5_pipelines.timescale.replica import reader_lag

    if not settings.timescale.reader_dsn:
        return []
    reader, lag = reader_lag(settings.timescale)
    if reader.fell_back:
        return [Finding("its replica", "warn", f"readers use the primary: {reader.fell_back}", "start the replica")]
    told = f"{reader.shown}: {lag.sentence}"
    if lag.replica and (not lag.streaming or lag.seconds is None or lag.seconds > LAG_S):
        return [Finding("its replica", "warn", told, "look at its log, and at the slot in `pi5 db status`")]
    return [Finding("its replica", "ok", told)]
