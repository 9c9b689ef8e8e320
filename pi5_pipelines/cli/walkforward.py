"""`pi5 walkforward`: parameters chosen on the past, traded on what follows, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.backtest import make_spec, write_report
from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.frictions import spec_options
from pi5_pipelines.cli.honesty import honesty_shown
from pi5_pipelines.cli.options import Output, Ranges, output_options, range_options, write_target
from pi5_pipelines.cli.screen import progress, show, table
from pi5_pipelines.cli.series import Series, series_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.honesty.folds import Fold
    from pi5_pipelines.honesty.trials import Tally
    from pi5_pipelines.honesty.walkforward import WalkForward
    from pi5_pipelines.sweep.space import Space

MOST_COMBINATIONS = 100_000  # all are kept in memory, a few hundred bytes each


@click.command(short_help="Choose parameters on the past, trade them on what follows.")
@click.argument("strategy")
@series_options
@range_options
@click.option("--train", type=int, default=504, show_default=True, help="Bars to choose on.")
@click.option("--test", type=int, default=126, show_default=True, help="Bars to trade what was chosen.")
@click.option("--anchored/--rolling", default=False, show_default=True, help="Train from the first bar on, or not.")
@click.option("--purge", type=int, default=0, show_default=True, help="Bars before a test that no train sees.")
@click.option("--embargo", type=int, default=0, show_default=True, help="Further such bars.")
@click.option("--objective", type=click.Choice(["sharpe", "return"]), default="sharpe", show_default=True)
@spec_options
@output_options(report="Write a report page of the tests' account.")
@pass_app
def walkforward(  # noqa: PLR0913 - one argument an option
    app: App,
    /,
    strategy: str,
    *,
    series: Series,
    ranges: Ranges,
    train: int,
    test: int,
    anchored: bool,
    purge: int,
    embargo: int,
    objective: str,
    rules: dict[str, Any],
    output: Output,
) -> None:
    """Walk STRATEGY forward through a file's bars or the lake's.

    Each fold chooses parameters on its train and trades them in its test; one account goes through all tests.
    """
    import msgspec

    from pi5_pipelines.honesty.document import check_walk_forward
    from pi5_pipelines.honesty.walkforward import walk_forward

    for name, value in (("--purge", purge), ("--embargo", embargo)):
        if value < 0:
            raise OptionError(f"{value} bars", where=name, hint="give 0 or more")
    spec = make_spec(strategy, (), rules, series.sources)
    space = space_of(spec, ranges)
    bars = series.load(app)
    folds = cut(bars, train, test, purge + embargo, anchored=anchored)
    with progress("compiling the strategy") as move:
        found = walk_forward(spec, bars, combinations_of(space), folds, objective, move)
    options: dict[str, Any] = {"train": train, "test": test, "anchored": anchored, "purge": purge, "embargo": embargo}
    options["objective"] = objective
    tally = record(app, spec, bars, found, ranges, options)
    document = {
        "strategy": strategy,
        "symbols": [one.symbol for one in bars],
        "param": list(ranges.params),
        "where": ranges.where,
        "options": {**options, **msgspec.to_builtins(rules)},
        **check_walk_forward(found, bars, tally),
    }
    if output.report is not None:
        write_report(app, output.report, result_of(spec, bars, found), bars, document)
    deliver(document, output)


def space_of(spec: BacktestSpec, ranges: Ranges) -> Space:
    """What is to be tried; raises OptionError for ranges or a condition that are wrong."""
    from pi5_pipelines.errors import SweepError
    from pi5_pipelines.sweep.space import make_space, nothing_left

    try:
        space = make_space(spec.definition(), ranges.params, ranges.where)
        if not space.any_wanted():
            raise nothing_left(ranges.where)
    except SweepError as error:
        raise OptionError(error.what, where=error.where, hint=error.hint) from error
    return space


def combinations_of(space: Space) -> NDArray[np.float64]:
    """All sets of parameters, shape (N, P); raises OptionError for too many."""
    import numpy as np

    from pi5_pipelines.sweep.space import SCAN

    found: list[NDArray[np.float64]] = []
    for first in range(0, space.size, SCAN):
        found.append(space.rows(np.arange(first, min(first + SCAN, space.size), dtype=np.int64))[1])
        if sum(map(len, found)) > MOST_COMBINATIONS:
            raise OptionError(
                f"more than {MOST_COMBINATIONS:,} combinations", where="--param", hint="use larger steps, or --where"
            )
    return np.concatenate(found)


def cut(bars: Sequence[Bars], train: int, test: int, gap: int, *, anchored: bool) -> tuple[Fold, ...]:
    """The folds of these bars; raises OptionError when they do not fit."""
    import numpy as np

    from pi5_pipelines.errors import BacktestError
    from pi5_pipelines.honesty.folds import folds_of

    count = int(np.unique(np.concatenate([one.ts_us for one in bars])).size)
    try:
        return folds_of(count, train, test, gap, anchored=anchored)
    except BacktestError as error:
        raise OptionError(error.what, where="--train, --test, --purge and --embargo", hint=error.hint) from error


def record(
    app: App,
    spec: BacktestSpec,
    bars: Sequence[Bars],
    found: WalkForward,
    ranges: Ranges,
    options: dict[str, Any],
) -> Tally:
    """Enter the search into the ledger, as a sweep of the same ranges would be; answers what was ever tried."""
    import msgspec

    from pi5_pipelines.backtest.code_version import code_version
    from pi5_pipelines.honesty.trials import Ledger, identity, ledger_file

    ledger = Ledger(ledger_file(app.settings))
    space = msgspec.to_builtins([msgspec.structs.replace(spec, params={}), list(ranges.params), ranges.where])
    hashes = [one.input["sha256"] for one in bars]
    run = identity("walkforward", space, options, hashes, code_version(spec.strategy))
    ledger.record_sweep(run, spec.strategy, bars, space, found.combinations, found.searched, kind="walkforward")
    return ledger.tally(spec.strategy, bars[0].symbol, bars[0].timeframe)


def result_of(spec: BacktestSpec, bars: Sequence[Bars], found: WalkForward) -> BacktestResult:
    """The account of all tests as a result for a report; it is kept nowhere, so its id is no result's."""
    from dataclasses import replace

    from pi5_pipelines.backtest.bars import COLUMNS
    from pi5_pipelines.backtest.result import Outcome, build

    tested = []
    for one in bars:
        span = (one.ts_us >= found.ts_us[0]) & (one.ts_us <= found.ts_us[-1])
        columns: dict[str, Any] = {name: getattr(one, name)[span] for name in ("ts_us", *COLUMNS)}
        tested.append(replace(one, **columns))
    account = found.account
    made = build(spec, tested, Outcome(found.ts_us, account.curve, account.fills, -1, len(account.fills)))
    document = {**made.document, "strategy": f"{spec.strategy}, walked forward", "params": {}}
    return replace(made, document=document, result_id=f"walk-{made.result_id}")


def deliver(document: dict[str, Any], output: Output) -> None:
    """Hand the document over: to a file or to stdout, else (or besides) tables for people."""
    from pi5_pipelines.backtest.result import canonical

    if output.json_only:
        click.echo(canonical(document), nl=False)
        return
    if output.json_file is not None:
        write_target(output.json_file, canonical(document))
    rows = [
        (
            f"{one['test_start']} to {one['test_end']}",
            " ".join(f"{name}={value:g}" for name, value in one["params"].items()),
            *(one[name] for name in ("train_sharpe", "test_sharpe", "test_return_pct", "rank")),
        )
        for one in document["folds"]
    ]
    columns = ("test", "parameters", "Sharpe before", "Sharpe in test", "return a year %", "rank")
    stable = "; ".join(
        f"{name} {one['low']:g} to {one['high']:g}, mostly about {one['median']:g}"
        for name, one in document["parameters"].items()
        if one["different"] > 1
    )
    title = f"{document['strategy']} on {', '.join(document['symbols'])}, walked forward"
    show(
        table(title, columns, rows, numbers=columns[2:]),
        *([f"Chosen: {stable}."] if stable else []),
        *honesty_shown(document),
        *output.written(),
        f"{document['figures']['combinations']:,} combinations are on record as tried.",
    )
