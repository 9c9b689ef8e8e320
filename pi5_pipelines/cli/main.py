"""`pi5`: the command line of the data platform, one file a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.backtest import backtest
from pi5_pipelines.cli.backup import backup
from pi5_pipelines.cli.data import data
from pi5_pipelines.cli.db import db
from pi5_pipelines.cli.doctor import doctor
from pi5_pipelines.cli.failure import EXIT_CODES
from pi5_pipelines.cli.feed import feed
from pi5_pipelines.cli.ingest import ingest
from pi5_pipelines.cli.init import init
from pi5_pipelines.cli.live import live
from pi5_pipelines.cli.options import FILE
from pi5_pipelines.cli.program import Program
from pi5_pipelines.cli.reproduce import reproduce
from pi5_pipelines.cli.status import status
from pi5_pipelines.cli.strategies import strategies
from pi5_pipelines.cli.sweep import sweep
from pi5_pipelines.cli.walkforward import walkforward

if TYPE_CHECKING:
    from pathlib import Path

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES)


def tell_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it
    """Print the installed version and leave."""
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"pi5 {version('pi5')}")
    except PackageNotFoundError:
        click.echo("pi5, run from a folder that was not set up")
    context.exit()


@click.group(cls=Program, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=tell_version, help="Show the version."
)
@click.option("--config", type=FILE, metavar="PATH", help="Configuration; else PI5_CONFIG, else ./pi5.toml.")
@pass_app
def pi5(app: App, config: Path | None) -> None:
    """Market data, backtests and their reports on one small machine.

    Start with `pi5 init`, then `pi5 ingest`, then `pi5 backtest`. `pi5 status` shows where things stand.
    """
    app.config = config


for command in (
    init,
    ingest,
    status,
    doctor,
    backtest,
    sweep,
    walkforward,
    strategies,
    data,
    feed,
    live,
    db,
    backup,
    reproduce,
):
    pi5.add_command(command)


def main() -> None:
    """Entry point of the `pi5` program."""
    pi5.main()


if __name__ == "__main__":
    main()
