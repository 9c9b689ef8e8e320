"""`pi5 init`: the home's folders and a first pi5.toml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.screen import show

if TYPE_CHECKING:
    from pi5_pipelines.settings import Settings

FOLDERS = ("lake", "inbox", "exports", "journal", "dagster", "backups", "reports", "logs", "secrets")
PRIVATE = "secrets"
OWNER_ONLY = 0o700


@click.command(short_help="Make the folders and a first pi5.toml.")
@pass_app
def init(app: App) -> None:
    """Make the home's folders, and pi5.toml if there is none; safe to repeat."""
    from pi5_pipelines.cli.template import config_text
    from pi5_pipelines.durable import write_bytes_durably
    from pi5_pipelines.settings import load_settings

    target = config_target(app.config)
    fresh = not target.exists()
    if fresh:
        # The environment may hold a wrong override: it is found before anything is written.
        load_settings(None, {name: value for name, value in os.environ.items() if name != "PI5_CONFIG"})
        write_bytes_durably(target, config_text().encode())
    settings = load_settings(target)
    made = make_home(settings)
    show(
        f"{'Wrote' if fresh else 'Kept'} {target}",
        f"Home {settings.home_path}: {made_text(made)}",
        "",
        "Next:",
        "  pi5 ingest     fetch prices (or drop CSV files into the inbox first)",
        "  pi5 doctor     see whether this machine has all it needs",
    )


def config_target(given: Path | None) -> Path:
    """The configuration that this call means: `--config`, else PI5_CONFIG, else ./pi5.toml."""
    return given or Path(os.environ.get("PI5_CONFIG") or "pi5.toml")


def make_home(settings: Settings) -> list[str]:
    """Make the folders that are missing, durably; answers their names. Secrets are for the owner alone."""
    from pi5_pipelines.durable import fsync_dir

    made = [name for name in FOLDERS if not settings.folder(name).exists()]
    for name in made:
        settings.folder(name).mkdir(parents=True)
    settings.folder(PRIVATE).chmod(OWNER_ONLY)
    fsync_dir(settings.home_path)
    return made


def made_text(made: list[str]) -> str:
    """What `make_home` did, in words."""
    return f"made {', '.join(made)}" if made else "all folders were there"
