"""Users of the hot tier: a login is a member of one role, and its password comes from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pi5_pipelines.timescale.connection import explained, password

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

Role = Literal["owner", "writer", "engine", "reader"]
ROLES: tuple[Role, ...] = ("owner", "writer", "engine", "reader")


def put_user(connection: psycopg.Connection, name: str, role: Role, password_file: Path) -> None:
    """Make a login, or give an existing one this role alone and this password; raises ConfigError, TimescaleError.

    The server gets the password already scrambled: neither its log nor pg_stat_activity ever holds it.
    """
    from psycopg import sql

    secret = password(password_file)
    with explained(f"user {name}"), connection.transaction():
        scrambled = connection.pgconn.encrypt_password(secret.encode(), name.encode(), b"scram-sha-256").decode()
        user = sql.Identifier(name)
        if connection.execute("SELECT to_regrole(quote_ident(%s))", (name,)).fetchone() == (None,):
            connection.execute(sql.SQL("CREATE ROLE {}").format(user))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(scrambled)))
        for one in ROLES:
            group = sql.Identifier(f"pi5_{one}")
            change = sql.SQL("GRANT {} TO {}") if one == role else sql.SQL("REVOKE {} FROM {}")
            connection.execute(change.format(group, user))
