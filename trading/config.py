"""pi5.toml, read the same way by both halves: TOML, then `PI5_<SECTION>_<KEY>` from the environment on top."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from trading.errors import ConfigFileError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

PREFIX = "PI5_"


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; raises ConfigFileError naming file, line and column when it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(str(path), f"not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFileError(str(path), f"cannot be read: {error}") from error


def override(
    tables: Mapping[str, Any],
    keys: Iterable[tuple[str, ...]],
    environ: Mapping[str, str],
    *,
    texts: Collection[tuple[str, ...]] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """Tables with environment values laid over them, and which variable set which dotted key.

    `keys` lists the known keys as ("home",) or ("lake", "keep_days"). The value of a key in `texts` is taken as it
    stands; any other as TOML where it is valid TOML (numbers, booleans, lists), else as text. Raises
    ConfigFileError for a variable that begins as a known section does and names no key of it.
    """
    known = {PREFIX + "_".join(key).upper(): key for key in keys}
    _refuse_misspelt(known, environ)
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    origin: dict[str, str] = {}
    for variable, key in known.items():
        if variable not in environ:
            continue
        origin[".".join(key)] = variable
        target = merged
        for part in key[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise ConfigFileError(f"environment variable {variable}", f"key {part!r} is no table in the file")
        target[key[-1]] = environ[variable] if key in texts else _value(environ[variable])
    return merged, origin


def explain(message: str, path: Path | None, origin: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong, and where, from a validator's ``Expected `int` - at `$.lake.keep_days` ``."""
    what, _, place = message.partition(" - at ")
    dotted = place.strip("`").removeprefix("$").removeprefix(".")
    unknown = re.search(r"unknown field `(.+)`", what)
    if unknown:
        dotted = f"{dotted}.{unknown.group(1)}".removeprefix(".")
        return f"unknown key {dotted!r}", where(dotted, path, origin)
    return f"key {dotted!r}: {what[:1].lower()}{what[1:]}", where(dotted, path, origin)


def where(dotted: str, path: Path | None, origin: Mapping[str, str]) -> str:
    """The environment variable or the line of the file that set a dotted key."""
    for name in (dotted, dotted.partition("[")[0]):
        if name in origin:
            return f"environment variable {origin[name]}"
    line = line_of(path, dotted) if path else None
    return f"{path or 'pi5.toml'}{f', line {line}' if line else ''}"


def line_of(path: Path, dotted: str) -> int | None:
    """The line of pi5.toml that sets a dotted key, else the key or the table around it; None if there is none.

    The second table of an array is written `backtest.strategies[1]`.
    """
    lines = _lines(path.read_text(encoding="utf-8"))
    while dotted not in lines and dotted:
        dotted = re.sub(r"(\[[^\[\]]*\]|(^|\.)[^.\[\]]+)$", "", dotted)
    return lines.get(dotted)


def _lines(text: str) -> dict[str, int]:
    """Where each table and each key of a TOML text stands, by dotted name."""
    found: dict[str, int] = {}
    arrays: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)([^\[\]]+)\]", line)
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if header:
            table = _plain(header[2])
            if header[1] == "[[":
                arrays[table] = arrays.get(table, -1) + 1
                table = f"{table}[{arrays[table]}]"
            elif (parent := table.rpartition(".")[0]) in arrays:
                table = f"{parent}[{arrays[parent]}]{table.removeprefix(parent)}"
            found.setdefault(table, number)
        elif key:
            found.setdefault(f"{table}.{_plain(key[1])}".removeprefix("."), number)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)


def _refuse_misspelt(known: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]) -> None:
    sections = {f"{PREFIX}{key[0].upper()}_": key[0] for key in known.values() if len(key) > 1}
    for variable in sorted(environ.keys() - known.keys()):
        for prefix, section in sections.items():
            if variable.startswith(prefix):
                raise ConfigFileError(f"environment variable {variable}", f"there is no such key in [{section}]")


def _value(text: str) -> Any:  # noqa: ANN401 - whatever TOML holds
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
