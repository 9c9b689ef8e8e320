"""`live-engine`: the command line of the live engine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from live_engine.cli_config import config
from live_engine.cli_journal import journal
from live_engine.cli_kill import kill
from live_engine.cli_run import run
from live_engine.cli_status import status
from live_engine.cli_token import token
from live_engine.errors import SettingsError
from live_engine.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

WRONG_CONFIGURATION = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pi5", prog_name="live-engine")
def live_engine() -> None:
    """Trade on paper, check the live engine's part of pi5.toml, and look into the journal."""


live_engine.add_command(journal)
live_engine.add_command(kill)
live_engine.add_command(run)
live_engine.add_command(status)
live_engine.add_command(token)


@live_engine.command()
@config
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(path: Path, *, as_json: bool) -> None:
    """Check [live] of a configuration: exit code 0 when it is right, 2 when it is wrong."""
    try:
        live = load_settings(path)
    except SettingsError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        if as_json:
            click.echo(json.dumps({"error": {"what": error.what, "where": error.where, "hint": error.hint}}))
        sys.exit(WRONG_CONFIGURATION)
    if as_json:
        click.echo(json.dumps({"live": msgspec.to_builtins(live)}))
    else:
        click.echo(f"{path}: [live] is right; the engine answers on {live.host} port {live.port}")


def main() -> None:
    """Entry point of the `live-engine` program."""
    live_engine.main(prog_name="live-engine")


if __name__ == "__main__":
    main()
