"""Runs benchmarks and writes their JSON lines as tables into docs/benchmarks.md, each between markers of its own.

`table.py` runs every bench_*.py but bench_peers*.py; `table.py NAME...` those named (bench_peers_sweep, bench_lake).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import LIBRARIES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = ROOT / "docs" / "benchmarks.md"
APART = "bench_peers"
TAKEN = ("taken_at_utc", "commit", "machine", "python", *LIBRARIES)
LARGE = 1_000.0
UNITS = """seconds, `_s`: wall time in seconds; `_mb`: 10^6 bytes; `rss`: resident memory; `times_ours`: that engine's
time over ours, the median of the ratios taken in turn"""
HEAD = f"""# Benchmarks

Written by `make bench` and `make bench-peers`, which run [benchmarks/](../benchmarks) on the machine at hand and put
what they print into this page. Every table names its machine, commit and versions.
Units: {UNITS}.
"""


def names(asked: Sequence[str]) -> list[str]:
    """The benchmarks to run: those asked for, else all but those that need other engines."""
    there = sorted(path.stem for path in (ROOT / "benchmarks").glob("bench_*.py"))
    unknown = sorted(set(asked) - set(there))
    if unknown:
        raise SystemExit(f"table.py: no such benchmark: {', '.join(unknown)}; there are: {', '.join(there)}")
    return list(asked) or [name for name in there if not name.startswith(APART)]


def take(name: str) -> list[dict[str, Any]]:
    """Run one benchmark; its lines are shown as they come."""
    lines = []
    with subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                lines.append(json.loads(line))
    if process.returncode:
        raise SystemExit(f"{name} failed; docs/benchmarks.md keeps its last figures")
    return lines


def cell(value: object) -> str:
    """A figure as a reader takes it in: three digits, thousands set apart."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def rows(header: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    heads = list(header)
    ruler = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in (heads, ruler, *lines))


def section(line: dict[str, Any]) -> str:
    """One benchmark: its figures, tables within them, what they include and do not show, and what they stand on."""
    figures = {key: value for key, value in line.items() if key not in (*TAKEN, "benchmark", "plot")}
    plain = [(key, value) for key, value in figures.items() if not isinstance(value, str | dict)]
    parts = [f"### {line['benchmark'].replace('_', ' ')}"]
    if "plot" in line:
        parts.append(f"![The points and the line through them]({line['plot']})")
    for table in (value for value in figures.values() if isinstance(value, dict)):
        heads = list(dict.fromkeys(key for one in table.values() for key in one))
        body = [[name, *(one.get(head, "") for head in heads)] for name, one in table.items()]
        parts.append(rows(["", *heads], body))
    if plain:
        parts.append(rows(("figure", "value"), plain))
    texts = [(key, value) for key, value in figures.items() if isinstance(value, str)]
    parts.append("\n".join(f"- {key.replace('_', ' ').capitalize()}: {value}." for key, value in texts))
    versions = ", ".join(f"{name} {line[name]}" for name in ("python", *LIBRARIES))
    parts.append(f"Taken {line['taken_at_utc'][:10]} at commit {line['commit']} on {line['machine']}; {versions}.")
    return "\n\n".join(part for part in parts if part)


def with_section(page: str, name: str, content: str) -> str:
    """The page with what stands between a benchmark's markers replaced, or put at its end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    block = f"{begin}\n\n{content}\n\n{end}"
    if begin in page and end in page:
        before, rest = page.split(begin, 1)
        return before + block + rest.split(end, 1)[1]
    return f"{page.rstrip()}\n\n{block}\n"


def main() -> None:
    """Run, and write the page after every benchmark, so that a later failure loses none."""
    for name in names(sys.argv[1:]):
        print(f"== {name}", flush=True)
        content = "\n\n".join(map(section, take(name)))
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(with_section(page.strip() or HEAD, name, content), encoding="utf-8")
    print(f"Tables: {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")


if __name__ == "__main__":
    main()
