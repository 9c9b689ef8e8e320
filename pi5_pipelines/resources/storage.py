"""Where Dagster keeps its own records: under the home, wherever PI5_HOME or pi5.toml puts it.

dagster.yaml knows `env:` without a default only, and takes relative paths from the current folder; these three
classes ask the settings instead, so one dagster.yaml serves every home.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster._serdes import ConfigurableClassData


def dagster_folder() -> str:
    """The folder of Dagster's own records; raises ConfigError."""
    return str(load_settings().folder("dagster"))


def compute_logs_folder() -> str:
    """The folder of what the steps print; raises ConfigError."""
    return str(load_settings().folder("logs") / "dagster")


class HomeStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite under the home."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No keys: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the storage, making its folder."""
        return cls.from_local(dagster_folder(), inst_data=inst_data, **config_value)


class HomeArtifacts(LocalArtifactStorage):
    """Files that Dagster itself leaves, under the home."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No keys: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the folder."""
        return cls(dagster_folder(), inst_data, **config_value)


class HomeComputeLogs(LocalComputeLogManager):
    """What the steps print, under the home's logs."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No keys: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the folder."""
        return cls(compute_logs_folder(), inst_data=inst_data, **config_value)
