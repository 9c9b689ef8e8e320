"""`pi5 sweep`: one strategy with many combinations of parameters, on all cores, within a memory cap, resumable."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED, OptionError
from pi5_pipelines.cli.frictions import spec_options
from pi5_pipelines.cli.options import (
    FILE,
    Output,
    Ranges,
    check_writable_target,
    gathered,
    output_options,
    range_options,
    write_target,
)
from pi5_pipelines.cli.series import Series, series_options
from pi5_pipelines.cli.sweep_screen import deliver, progress, report_failures, unranked
from pi5_pipelines.sweep.ranks import RANKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi5_pipelines.sweep.job import BarsFile, Job, Plan
    from pi5_pipelines.sweep.supervise import Usage


@dataclass(frozen=True, slots=True)
class Choice:
    """How combinations are chosen among the ranges, and what makes one better than another."""

    method: Literal["grid", "random", "guided"]
    trials: int | None
    seed: int
    rank_by: str


@dataclass(frozen=True, slots=True)
class Means:
    """What a sweep may use; None: as the settings say."""

    workers: int | None
    max_memory: str | None
    timeout: float | None
    scheduler: str | None


choice_options = gathered(
    "choice",
    Choice,
    click.option("--method", type=click.Choice(["grid", "random", "guided"]), default="grid", show_default=True),
    click.option("--trials", type=click.IntRange(1, 10_000_000), help="How many, for --method random and guided."),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="For the same two."),
    click.option("--rank-by", type=click.Choice(RANKS), default="sharpe", show_default=True, help="More is better."),
)
means_options = gathered(
    "means",
    Means,
    click.option("--workers", type=click.IntRange(1, 1_024), help="Threads; else [sweep] workers, else one a core."),
    click.option("--max-memory", metavar="SIZE", help="For all processes together, as 400MB; else [sweep] max_memory."),
    click.option("--timeout", type=float, metavar="SECONDS", help="For one combination; else [sweep] timeout_s."),
    click.option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask scheduler; else [cluster] scheduler."),
)


@click.command(short_help="Try many combinations of a strategy's parameters.")
@click.argument("strategy")
@series_options
@range_options
@choice_options
@click.option("--top", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Rows to show.")
@spec_options
@means_options
@click.option("--out", type=FILE, metavar="PATH.parquet", help="Write the table, a row a combination.")
@output_options(
    report="Write a page: table, map, surface, neighbours, verdict. Several symbols: PATH-SYMBOL.html each."
)
@pass_app
def sweep(  # noqa: PLR0913 - one argument an option or a group of them
    app: App,
    /,
    strategy: str,
    *,
    series: Series,
    ranges: Ranges,
    choice: Choice,
    top: int,
    rules: dict[str, Any],
    means: Means,
    out: Path | None,
    output: Output,
) -> int:
    """Try every combination of STRATEGY's parameters on a file's bars or the lake's.

    Killed or interrupted, the same command goes on where it was.
    """
    started = time.perf_counter()
    check_writable_target(out, "--out")
    plan = make_plan(app, strategy, ranges, rules, choice)
    from pi5_pipelines.sweep.supervise import Usage, loaded, run_engine
    from pi5_pipelines.sweep.work import WorkFolder

    usage = Usage()
    with loaded(series.request(app), app.settings.folder("sweeps"), usage) as bars:
        job = make_job(app, plan, bars, means, top, out)
        with progress(strategy) as hear:
            summary = run_engine(job, usage, hear)
    document = {
        **facts(plan, job),
        **summary,
        "seconds_total": time.perf_counter() - started,
        "peak_rss_mb": round(usage.tree_peak() / 1e6, 1),
        "out": str(out) if out else None,
    }
    pages = write_pages(job, document, output.report, usage) if output.report else {}
    deliver(document, output, [path for path, reason in pages.items() if not reason])
    reasons = [*(f"no page {path}: {reason}" for path, reason in pages.items() if reason), *unranked(document)]
    WorkFolder(Path(job.folder)).remove()
    report_failures(document, reasons)
    return FAILED if document["failed"] or reasons else DONE


def make_plan(app: App, strategy: str, ranges: Ranges, rules: dict[str, Any], choice: Choice) -> Plan:
    """The checked plan of the options; raises UnknownNameError or OptionError."""
    import msgspec

    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.errors import BacktestError, SweepError
    from pi5_pipelines.sweep.guided import check_installed
    from pi5_pipelines.sweep.job import Plan

    if choice.method == "grid" and choice.trials is not None:
        raise OptionError(
            "a grid tries all combinations", where="--trials", hint="leave it out, or use --method random"
        )
    if choice.method != "grid" and choice.trials is None:
        raise OptionError("how many trials?", where=f"--method {choice.method}", hint="give --trials N")
    try:
        plan = Plan(
            spec=msgspec.structs.replace(BacktestSpec(strategy=strategy, **rules).checked(), params={}),
            params=ranges.params,
            where=ranges.where,
            method=choice.method,
            trials=choice.trials or 0,
            seed=choice.seed,
            rank_by=choice.rank_by,
            chunk=app.settings.sweep.chunk,
        )
        space = plan.space()
        if choice.method == "guided":
            check_installed()
    except (BacktestError, SweepError) as error:
        raise OptionError(error.what, where=error.where, hint=error.hint) from error
    if not any(len(axis.values) > 1 for axis in space.axes) and not ranges.params:
        raise OptionError("no parameter to vary", where=f"strategy {strategy}", hint="give --param NAME=LOW:HIGH:STEP")
    return plan


def make_job(
    app: App,
    plan: Plan,
    bars: Sequence[BarsFile],
    means: Means,
    top: int,
    out: Path | None,
) -> Job:
    """The job of a plan on bars, with options first and settings behind them; raises OptionError."""
    from pi5_pipelines.honesty.trials import ledger_file
    from pi5_pipelines.sweep.job import Job, Limits, sweep_id, work_folder
    from pi5_pipelines.sweep.rss import rss_peak

    own, schedule, timeout = app.settings.sweep, app.settings.schedule, means.timeout
    if timeout is not None and not 0.0 < timeout < float("inf"):
        raise OptionError(f"{timeout:g} seconds", where="--timeout", hint="give more than 0")
    many = plan.spec.definition().many_symbols
    if many and len(bars) == 1:
        raise OptionError(
            "it chooses among several symbols, and got one",
            where=f"strategy {plan.spec.strategy}",
            hint="give --symbol (or --bars) once for each",
        )
    names = [one.symbol for one in bars]
    if len(set(names)) < len(names):
        raise OptionError("two files hold the same symbol", where="--bars", hint="give files of different symbols")
    legs = (tuple(bars),) if many else tuple((one,) for one in bars)
    return Job(
        plan=plan,
        legs=legs,
        folder=str(work_folder(app.settings.home_path, sweep_id(plan, legs))),
        ledger=str(ledger_file(app.settings)),
        workers=means.workers or own.workers or os.cpu_count() or 1,
        max_memory=memory_size(means.max_memory or own.max_memory),
        parent_rss=rss_peak(),
        timeout_s=timeout or own.timeout_s,
        top=top,
        out=str(out.resolve()) if out else None,
        limits=Limits(
            pause_hours=own.pause_hours,
            timezone=schedule.timezone,
            max_load=own.max_load,
            max_celsius=own.max_celsius,
        ),
        scheduler=means.scheduler if means.scheduler is not None else app.settings.cluster.scheduler,
    )


def write_pages(job: Job, document: dict[str, Any], report: Path, usage: Usage) -> dict[Path, str]:
    """Write the page of each symbol; answers the files, each with the reason why there is none, "" where there is."""
    from pi5_pipelines.sweep.pages import make_pages

    written = {}
    for bars, page in zip(job.legs, make_pages(job, document, usage), strict=True):
        one = report if len(job.legs) == 1 else report.with_stem(f"{report.stem}-{bars[0].symbol}")
        if isinstance(page, bytes):
            write_target(one, page)
        written[one] = page if isinstance(page, str) else ""
    return written


def memory_size(text: str) -> int:
    """Bytes of a size such as 400MB or 1.5GB (powers of ten); raises OptionError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise OptionError(f"{text!r} is no size", where="--max-memory", hint="write it as 400MB or 2GB")
    return int(float(match[1]) * {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[(match[2] or "").upper()])


def facts(plan: Plan, job: Job) -> dict[str, Any]:
    """What was swept, for the summary."""
    import msgspec

    spec = msgspec.to_builtins(plan.spec)
    del spec["params"]
    bars = [one for leg in job.legs for one in leg]
    return {
        **spec,
        "sweep_id": Path(job.folder).name,
        "symbols": [one.symbol for one in bars],
        "timeframe": bars[0].timeframe,
        "start": min(one.start for one in bars),
        "end": max(one.end for one in bars),
        "params": list(plan.params),
        "where": plan.where,
        "method": plan.method,
        "trials": plan.trials or None,
        "seed": plan.seed if plan.method != "grid" else None,
        "rank_by": plan.rank_by,
        "max_memory_mb": job.max_memory / 1e6,
        "scheduler": job.scheduler or None,
    }
