"""What every page is made with: templates, numbers and moments for people, and data that cannot leave its script."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
MINUS = "\N{MINUS SIGN}"


def from_template(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A page out of one of our templates; every value is escaped unless the template calls it safe."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pi5_pipelines", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "moment": moment, "day": day, "words": in_words, "anything": anything}
    environment.filters |= filters or {}
    return environment.get_template(template).render(**values)


def number(value: float | None, decimals: int = 2, unit: str = "") -> str:
    """A number for people: thousands apart, a real minus sign, a dash for what is undefined."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "\N{EN DASH}"
    text = f"{abs(value):,.{decimals}f}{unit}"
    return f"{MINUS}{text}" if value < 0 and float(f"{value:.{decimals}f}") != 0.0 else text


def moment(value: Any) -> str:  # noqa: ANN401 - a datetime out of a table
    """A time for people: the date, and the clock unless it is midnight."""
    return f"{value:%Y-%m-%d}" if (value.hour, value.minute) == (0, 0) else f"{value:%Y-%m-%d %H:%M}"


def day(ts_us: int) -> str:
    """A moment in UTC microseconds for people."""
    return moment(datetime.fromtimestamp(ts_us / 1e6, tz=UTC))


def in_words(name: str) -> str:
    """A figure's name for people."""
    words = name.removesuffix("_pct").replace("_", " ")
    return words[:1].upper() + words[1:]


def anything(value: Any) -> str:  # noqa: ANN401 - whatever a verdict's figures are
    """A figure of a kind not known beforehand: numbers as numbers, the rest as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, (int, float)):
        return number(value, 0 if isinstance(value, int) else 2)
    return str(value)


def label(document: Mapping[str, Any]) -> str:
    """A result's name."""
    params = ", ".join(f"{name} {value:g}" for name, value in document["params"].items())
    return f"{document['strategy']} \N{MIDDLE DOT} {', '.join(document['symbols'])}{f' ({params})' if params else ''}"


def script_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON that may stand inside a script element: nothing in it can end the element or begin another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterable[str]:
    return (ESCAPES.get(letter, letter) for letter in text)


def own(name: str) -> str:
    """One of the files that lie beside this one: scripts, style sheets, licences."""
    return files("pi5_pipelines.report").joinpath(*name.split("/")).read_text(encoding="utf-8")
