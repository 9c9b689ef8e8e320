"""The sources of prices there are, by the name that [ingest] of pi5.toml uses, which is their module's name."""

from __future__ import annotations

from importlib import import_module
from inspect import getdoc
from typing import TYPE_CHECKING

from pi5_pipelines.errors import UnknownNameError

if TYPE_CHECKING:
    from types import ModuleType

    from pi5_pipelines.settings import Settings
    from pi5_pipelines.sources.base import Source

OFFERED = ("sample", "inbox")


def open_source(name: str, settings: Settings) -> Source:
    """The source of that name; raises UnknownNameError."""
    source: Source = _module(name).open_source(settings)
    return source


def describe(name: str) -> str:
    """What that source is, in the first paragraph of its module; raises UnknownNameError."""
    return (getdoc(_module(name)) or "").split("\n\n")[0]


def _module(name: str) -> ModuleType:
    if name not in OFFERED:
        raise UnknownNameError(
            f"no such source: {name!r}", where="pi5.toml, ingest.sources", hint=f"there are: {', '.join(OFFERED)}"
        )
    return import_module(f"{__name__}.{name}")
