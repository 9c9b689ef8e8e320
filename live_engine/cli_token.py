"""`live-engine token`: make, list and revoke the tokens that open the API; a running engine takes note at once."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from live_engine.api.tokens import RANK, Tokens, tokens_file
from live_engine.errors import SettingsError, TokensError
from live_engine.settings import load_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from live_engine.api.tokens import Role, Token

REFUSED, WRONG_CONFIGURATION = 1, 2
NS_PER_S = 1_000_000_000
LONGEST_NAME = 64


@click.group()
def token() -> None:
    """Make, list and revoke tokens: exit code 0 when done, 1 when refused, 2 for wrong settings."""


def options(command: Callable[..., None]) -> Callable[..., None]:
    """--config and --json, which every command has."""
    where = click.Path(path_type=Path)
    config = click.option(
        "--config", "path", type=where, default=Path("pi5.toml"), show_default=True, metavar="PATH", help="pi5.toml."
    )
    return config(click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")(command))


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if len(value) > LONGEST_NAME or not value.isprintable() or value != value.strip():
        raise click.BadParameter("use up to 64 printable characters, without blanks around them")
    return value


@token.command()
@options
@click.option("--role", type=click.Choice(sorted(RANK)), required=True, help="What its holder may do.")
@click.option("--name", callback=_name, default="", help="Whose it is; the journal names it. By default its role.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days until it expires.")
def create(path: Path, role: Role, name: str, days: int, *, as_json: bool) -> None:
    """Make a token. It is printed this once: nothing that is stored can bring it back."""
    with explained():
        tokens = Tokens(tokens_file(load_home(path)))
        secret = tokens.create(name, role, days, time.time_ns())
        made = tokens.find(secret)
    assert made is not None  # noqa: S101 - it was made just now
    if as_json:
        click.echo(json.dumps({"token": secret, **_told(made, made.created_ns)}))
    else:
        click.echo(secret)
        click.echo(f"{role} token {made.name!r}, good for {days} days; it is not shown again", err=True)


@token.command("list")
@options
def list_(path: Path, *, as_json: bool) -> None:
    """Name every token, never its secret."""
    with explained():
        tokens = Tokens(tokens_file(load_home(path))).all()
    now_ns = time.time_ns()
    if as_json:
        click.echo(json.dumps({"tokens": [_told(one, now_ns) for one in tokens]}))
        return
    for one in tokens:
        told = _told(one, now_ns)
        click.echo(f"{told['name']}  {told['role']}  {told['state']}  expires {told['expires']}")


@token.command()
@options
@click.option("--name", required=True, help="The token's name.")
def revoke(path: Path, name: str, *, as_json: bool) -> None:
    """Let a token open nothing any more, from the next request on."""
    with explained():
        revoked = Tokens(tokens_file(load_home(path))).revoke(name, time.time_ns())
    if as_json:
        click.echo(json.dumps({"token": _told(revoked, time.time_ns())}))
    else:
        click.echo(f"{revoked.role} token {name!r} is revoked")


def _told(one: Token, now_ns: int) -> dict[str, str]:
    state = "good" if one.is_good(now_ns) else "revoked" if one.revoked_ns else "expired"
    expires = datetime.fromtimestamp(one.expires_ns // NS_PER_S, UTC).isoformat()
    return {"name": one.name, "role": one.role, "state": state, "expires": expires}


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error into one line and the exit code that the group documents."""
    try:
        yield
    except (SettingsError, TokensError) as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(WRONG_CONFIGURATION if isinstance(error, SettingsError) else REFUSED)
