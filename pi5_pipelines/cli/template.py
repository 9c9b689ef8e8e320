"""A complete pi5.toml from the settings' own defaults, for where the annotated example is not at hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import pi5_pipelines
from pi5_pipelines.settings import InstrumentSettings, Section, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(pi5_pipelines.__file__).parents[1] / "pi5.example.toml"


def config_text(example: Path = EXAMPLE) -> str:
    """What a new pi5.toml holds: the annotated example, else every key with its default."""
    return example.read_text(encoding="utf-8") if example.exists() else generated(Settings())


def generated(settings: Settings) -> str:
    """The settings as TOML: single keys first, then a table a section."""
    fields = {field.name: getattr(settings, field.name) for field in msgspec.structs.fields(Settings)}
    lines = ["# Made by `pi5 init` from the defaults: every key of the data platform."]
    lines += [f"{name} = {_value(value)}" for name, value in fields.items() if isinstance(value, str)]
    for name, value in fields.items():
        if isinstance(value, Section):
            lines += ["", *_table(name, value)]
    return "\n".join([*lines, "", *_table("instruments.default", InstrumentSettings())]) + "\n"


def _table(name: str, section: Section) -> list[str]:
    values = {field.name: getattr(section, field.name) for field in msgspec.structs.fields(type(section))}
    nested = {key: value for key, value in values.items() if value and isinstance(value, tuple) and _is_sections(value)}
    told = {key: value for key, value in values.items() if key not in nested and value is not None}
    lines = [f"[{name}]", *(f"{key} = {_value(value)}" for key, value in told.items())]
    for key, sections in nested.items():
        for one in sections:
            lines += ["", *_table(f"{name}.{key}", one)]
            lines[lines.index(f"[{name}.{key}]")] = f"[[{name}.{key}]]"
    return lines


def _is_sections(values: tuple[object, ...]) -> bool:
    return all(isinstance(value, Section) for value in values)


def _value(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, msgspec.Struct):
        return _inline(msgspec.to_builtins(value))
    if isinstance(value, dict):
        return _inline(value)
    return json.dumps(value, ensure_ascii=False)  # TOML writes numbers, booleans and such texts as JSON does


def _inline(table: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in table.items()) + " }" if table else "{}"
