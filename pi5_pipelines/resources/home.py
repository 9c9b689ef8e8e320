"""The one resource of the code location: what pi5.toml says, and the lake it names."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.settings import Settings, config_file, load_settings

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake


class Home(dg.ConfigurableResource):  # type: ignore[type-arg]  # it hands itself to the bodies
    """Settings and lake, read anew by every step, so that a changed pi5.toml needs no restart."""

    config_file: str = ""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag the run with the process that works on it, by which an orphaned run is known later.

        Orphans of an earlier power cut are failed first: they may hold the pools that this run needs, and a job started
        from the command line has no daemon to do it.
        """
        from pi5_pipelines.orphans import fail_orphaned_runs, process_tags

        if context.run and context.instance:
            fail_orphaned_runs(context.instance)
            context.instance.add_run_tags(context.run.run_id, process_tags())

    def settings(self) -> Settings:
        """The settings of that file, with the environment laid over; raises ConfigError."""
        return load_settings(self.file())

    def file(self) -> Path | None:
        """The settings file: the key `config_file`, else the usual places; None when there is none."""
        return config_file(Path(self.config_file) if self.config_file else None)

    def lake(self) -> "Lake":
        """The lake under the home."""
        from pi5_pipelines.lake.table import Lake

        return Lake(self.settings().folder("lake"))

    def environment(self) -> dict[str, str]:
        """What a worker process must be told to read the same settings."""
        return {"PI5_CONFIG": self.config_file} if self.config_file else {}
