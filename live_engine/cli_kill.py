"""`live-engine kill`: the kill switch by hand, over a file, so that it works when the engine's API does not answer."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from live_engine.errors import LiveEngineError
from live_engine.risk.kill_file import KillRequest, ask, kill_file, new_nonce, waiting
from live_engine.settings import load_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.risk.kill_file import Request

TAKEN, REFUSED, NOT_TAKEN = 0, 2, 3
Fate = Literal["taken", "replaced", "waiting"]
POLL_S = 0.05


@click.group()
def kill() -> None:
    """Stop trading, in three strengths, or allow it again.

    Exit code 0 when the engine has taken it, 3 when it is written down but no engine has taken it yet, 2 when it was
    refused.
    """


def options(command: Callable[..., None]) -> Callable[..., None]:
    """--config, --reason, --wait and --json, which every command has."""
    where = click.Path(path_type=Path)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer as JSON."),
        click.option(
            "--wait",
            "wait_s",
            type=click.FloatRange(min=0, max=3_600),
            default=5.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the engine.",
        ),
        click.option("--reason", default="by hand", show_default=True, help="Why; it is written down."),
        click.option(
            "--config",
            "path",
            type=where,
            default=Path("pi5.toml"),
            show_default=True,
            metavar="PATH",
            help="pi5.toml.",
        ),
    ):
        command = option(command)
    return command


@kill.command()
@options
def halt(path: Path, reason: str, wait_s: float, *, as_json: bool) -> None:
    """No new entries; orders and positions stay."""
    send("halt", path, reason, wait_s, as_json=as_json)


@kill.command("cancel-all")
@options
def cancel_all(path: Path, reason: str, wait_s: float, *, as_json: bool) -> None:
    """No new entries, and every working order is cancelled, protective stops too; positions stay."""
    send("cancel-all", path, reason, wait_s, as_json=as_json)


@kill.command()
@options
def flatten(path: Path, reason: str, wait_s: float, *, as_json: bool) -> None:
    """No new entries, every working order is cancelled, and every position closed at market."""
    send("flatten", path, reason, wait_s, as_json=as_json)


@kill.command()
@options
def rearm(path: Path, reason: str, wait_s: float, *, as_json: bool) -> None:
    """Allow entries again; loss limits count anew from here."""
    send("rearm", path, reason, wait_s, as_json=as_json)


def send(action: Request, path: Path, reason: str, wait_s: float, *, as_json: bool) -> None:
    """Write the request, wait for the engine to take it, say which of the two came about, and exit."""
    try:
        home = load_home(path)
        request = KillRequest(action, person(), reason, new_nonce(), time.time_ns())
        ask(home, request)
    except LiveEngineError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        if as_json:
            click.echo(json.dumps({"error": {"what": error.what, "where": error.where, "hint": error.hint}}))
        sys.exit(REFUSED)
    fate = fate_of(home, request.nonce, time.monotonic() + wait_s)
    if as_json:
        answer = {"action": action, "fate": fate, "nonce": request.nonce, "file": str(kill_file(home))}
        click.echo(json.dumps(answer))
    else:
        click.echo(f"{action}: {told(fate, home, wait_s)}")
    sys.exit(TAKEN if fate == "taken" else NOT_TAKEN)


def fate_of(home: Path, nonce: str, deadline_s: float) -> Fate:
    """What became of a request by the deadline (monotonic seconds): the engine removes what it has taken."""
    while (found := waiting(home)) is not None:
        if found.nonce != nonce:
            return "replaced"
        if time.monotonic() >= deadline_s:
            return "waiting"
        time.sleep(POLL_S)
    return "taken"


def told(fate: Fate, home: Path, wait_s: float) -> str:
    """A request's fate in words."""
    if fate == "taken":
        return "the engine has taken it"
    if fate == "replaced":
        return f"another request has taken its place in {kill_file(home)}"
    return (
        f"written to {kill_file(home)}, but no engine has taken it within {wait_s:g} s; "
        "one that runs or starts there will, before it does anything else"
    )


def person() -> str:
    """Who runs this program: the name of the account, else its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
