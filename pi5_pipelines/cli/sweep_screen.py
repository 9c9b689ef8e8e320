"""What `pi5 sweep` shows: a bar of progress, the best combinations, and what to think of them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.options import write_target
from pi5_pipelines.cli.screen import plain, show, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pi5_pipelines.cli.options import Output
    from pi5_pipelines.sweep.message import Message

SHOWN = (
    ("return %", "return_pct"),
    ("Sharpe", "sharpe"),
    ("Sortino", "sortino"),
    ("max drawdown %", "max_drawdown_pct"),
    ("trades", "trades"),
    ("exposure %", "exposure_pct"),
)


@contextmanager
def progress(label: str) -> Iterator[Callable[[Message], None]]:
    """A bar with combinations a second and the time left, only on a terminal; notes go to stderr as lines."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(stderr=True, markup=False, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(label, total=None, rate="")

        def hear(message: Message) -> None:
            if message.progress is not None:
                done, total = message.progress
                speed = bar.tasks[0].speed
                rate = f"{speed:,.0f} combinations/s" if speed else ""
                bar.update(task, completed=done, total=total, rate=rate)
            if message.waiting is not None:
                told = f"waiting: {message.waiting}" if message.waiting else "going on"
                screen.print(told)
            if message.note is not None:
                screen.print(message.note)

        yield hear


def deliver(document: dict[str, Any], output: Output, pages: Sequence[Path]) -> None:
    """Hand the summary over: JSON to a file or to stdout, else (or besides) tables for people."""
    text = json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if output.json_only:
        click.echo(text, nl=False)
        return
    if output.json_file is not None:
        write_target(output.json_file, text.encode())
    names = list(document["best"]["params"]) if document["best"] else []
    several = len(document["by_symbol"]) > 1
    heads = [*(["symbol"] if several else []), *names, *(title for title, _ in SHOWN)]
    rows = [
        [
            *([row["symbol"]] if several else []),
            *(f"{row['params'][name]:g}" for name in names),
            *(row[key] for _, key in SHOWN),
        ]
        for row in document["top"]
    ]
    title = f"{document['strategy']} on {', '.join(document['symbols'])}: the best by {document['rank_by']}"
    span = f"{document['timeframe']} bars, {document['start']} to {document['end']}"
    show(
        table(f"{title}\n{span}", heads, rows, numbers=[head for head in heads if head != "symbol"]),
        *sentences(document),
        *(f"Written: {path}" for path in pages),
    )


def sentences(document: dict[str, Any]) -> list[str]:
    """What to know of the sweep besides its table."""
    count, seconds = document["combinations"], document["seconds"]
    rate = f", {(count - document['resumed']) / seconds:,.0f} a second" if seconds > 0.0 else ""
    lines = [f"{count:,} combinations in {seconds:.2f} s{rate}; at most {document['peak_rss_mb']:.0f} MB of memory."]
    if document["left_out"]:
        lines.append(f"{document['left_out']:,} left out by --where, or because the strategy wants its own order.")
    if document["resumed"]:
        lines.append(f"{document['resumed']:,} of them had been run before, and were not run again.")
    if document["deflated_sharpe"] is not None:
        lines.append(
            f"Deflated Sharpe ratio of the best: {document['deflated_sharpe']:.3f}"
            " (the probability that it is more than the luck of so many tries; 0.95 and more is firm)."
        )
    if document["pbo"] is not None:
        lines.append(
            f"Probability of overfitting: {document['pbo']:.2f}"
            " (how often the best of one half of the time is below the median in the other)."
        )
    if document["orders_rejected"]:
        lines.append(
            f"{document['orders_rejected']:,} orders were rejected, by {document['rejecting']:,} combinations;"
            " `pi5 backtest` with their parameters tells why (orders.parquet of its result)."
        )
    if document["out"]:
        lines.append(f"Written: {document['out']}")
    return lines


def unranked(document: dict[str, Any]) -> list[str]:
    """Which symbols have no best combination though theirs ran, a sentence each."""
    return [
        f"{one['symbol']}: no combination has a {document['rank_by']} to be ranked by:"
        f" over {bars:,} bar{'s' if bars != 1 else ''} none traded enough (more bars, or other ranges, help)"
        for one, bars in zip(document["by_symbol"], document["bars"], strict=True)
        if one["best"] is None and one["combinations"] > one["failed"]
    ]


def report_failures(document: dict[str, Any], reasons: Sequence[str]) -> None:
    """Say on stderr how many combinations failed, how the first ones did, and whatever else is missing."""
    if document["failed"]:
        click.echo(f"error: {document['failed']:,} of {document['combinations']:,} combinations failed", err=True)
    for one in document["errors"]:
        params = " ".join(f"{name}={value:g}" for name, value in one["params"].items())
        click.echo(f"  {one['symbol']} {params}: {one['error']}", err=True)
    for reason in reasons:
        click.echo(f"error: {reason}", err=True)
