"""`pi5 strategies`: what can be backtested, and what it can be tuned by."""

from __future__ import annotations

from typing import Any

import click

from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, show, table


@click.command(short_help="List strategies and their parameters.")
@json_flag
def strategies(*, as_json: bool) -> None:
    """List the strategies with their parameters, ranges and sources."""
    known = listing()
    if as_json:
        emit({"strategies": known})
        return
    rows = [
        (
            one["name"] if number == 0 else "",
            parameter.get("name", "-"),
            f"{parameter['default']:g}" if parameter else "-",
            f"{parameter['low']:g} to {parameter['high']:g}" if parameter else "-",
            parameter.get("meaning", "no parameters"),
            one["source"] if number == 0 else "",
        )
        for one in known
        for number, parameter in enumerate(one["parameters"] or [{}])
    ]
    columns = ("strategy", "parameter", "default", "range", "meaning", "source")
    show(
        table("", columns, rows, numbers=("default",)),
        "Try one: pi5 backtest sma_cross --symbol AAPL --param fast=20 --param slow=100",
    )


def listing() -> list[dict[str, Any]]:
    """Every strategy as a document, in alphabetical order."""
    from trading import strategies as rulebook

    return [
        {
            "name": one.name,
            "source": one.source,
            "symbols": "many" if one.many_symbols else "one",
            "parameters": [
                {
                    "name": parameter.name,
                    "default": parameter.default,
                    "low": parameter.low,
                    "high": parameter.high,
                    "whole": parameter.whole,
                    "meaning": parameter.meaning,
                }
                for parameter in one.parameters
            ],
            "orderings": [f"{smaller} < {larger}" for smaller, larger in one.orderings],
        }
        for one in map(rulebook.find, rulebook.names())
    ]
