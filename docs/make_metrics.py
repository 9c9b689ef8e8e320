"""Writes docs/metrics.md: every figure of a result, from the definitions that the program itself uses."""

from __future__ import annotations

from pathlib import Path

from pi5_pipelines.analysis.trade_definitions import ALL_GROUPS

PAGE = Path(__file__).resolve().parent / "metrics.md"
INTRODUCTION = """# Metrics

Written by `make docs` from `pi5_pipelines/analysis/`. Every figure has one name: in a result's JSON, in the report's
data and here. A figure without a meaning (a mean of no trades, a ratio to nothing) is `null`, never 0.

Returns are simple returns of the equity curve, one a bar. Trades are round trips, their profits are after fees.
Drawdowns, value at risk and losses are numbers below zero, so *higher* is better."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


def page() -> str:
    """The whole page: a table for each group of figures."""
    parts = [INTRODUCTION]
    for group in ALL_GROUPS:
        rows = [f"| `{one.name}` | {one.unit} | {one.better} | {one.meaning} | {one.source} |" for one in group.metrics]
        head = "| name | unit | better | meaning | source |\n|---|---|---|---|---|"
        parts.append("\n".join([f"## {group.title}\n", head, *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
