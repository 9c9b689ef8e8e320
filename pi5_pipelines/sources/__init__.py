"""The sources of prices there are, by the name that [ingest] of pi5.toml uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.errors import UnknownNameError

if TYPE_CHECKING:
    from pi5_pipelines.settings import Settings
    from pi5_pipelines.sources.base import Source

OFFERED = ("sample", "inbox")


def open_source(name: str, settings: Settings) -> Source:
    """The source of that name; raises UnknownNameError."""
    from pi5_pipelines.sources.inbox import Inbox
    from pi5_pipelines.sources.sample import Sample

    if name == "sample":
        return Sample()
    if name == "inbox":
        return Inbox(settings.folder("inbox"))
    raise UnknownNameError(
        f"no such source: {name!r}", where="pi5.toml, ingest.sources", hint=f"there are: {', '.join(OFFERED)}"
    )
