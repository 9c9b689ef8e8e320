"""The option that names the configuration, which every command takes alike."""

from __future__ import annotations

from pathlib import Path

import click

config = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("pi5.toml"),
    show_default=True,
    metavar="PATH",
    help="pi5.toml.",
)
