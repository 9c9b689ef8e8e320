"""What every command works with: the settings of this call, and the lake they name, both opened on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings


class App:
    """One call of `pi5`; `config` is what `--config` names."""

    def __init__(self) -> None:
        self.config: Path | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings; raises ConfigError."""
        from pi5_pipelines.settings import load_settings

        return load_settings(self.config)

    def config_file(self) -> Path | None:
        """The configuration that this call reads; None when the defaults hold."""
        from pi5_pipelines.settings import config_file

        return config_file(self.config)

    @cached_property
    def lake(self) -> Lake:
        """The lake under the home."""
        from pi5_pipelines.lake.table import Lake

        return Lake(self.settings.folder("lake"))


pass_app = click.make_pass_decorator(App)
