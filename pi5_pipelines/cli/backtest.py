"""`pi5 backtest`: one strategy on bars from a file or from the lake."""

from __future__ import annotations

import difflib
import math
import time
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.frictions import Fine, fine_options, friction_rows, load_fine, spec_options
from pi5_pipelines.cli.honesty import check_honesty, honesty_shown
from pi5_pipelines.cli.options import Output, output_options, write_target
from pi5_pipelines.cli.screen import show, table, waiting
from pi5_pipelines.cli.series import Series, series_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.backtest.spec import BacktestSpec

FIGURES = (
    ("equity at the end", "equity_final"),
    ("return %", "return_pct"),
    ("buy and hold %", "buy_and_hold_pct"),
    ("annual return %", "annual_return_pct"),
    ("volatility %", "volatility_pct"),
    ("max drawdown %", "max_drawdown_pct"),
    ("Sharpe", "sharpe"),
    ("Sortino", "sortino"),
    ("Calmar", "calmar"),
    ("trades", "trades"),
    ("win rate %", "win_rate_pct"),
    ("profit factor", "profit_factor"),
    ("exposure %", "exposure_pct"),
    ("fees paid", "fees_paid"),
    ("slippage paid", "slippage_paid"),
)


@click.command(short_help="Run one strategy on a file's bars or the lake's.")
@click.argument("strategy")
@series_options
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A strategy's parameter.")
@spec_options
@fine_options
@click.option("--honesty", is_flag=True, help="Also say whether the result is likely real (docs/honesty.md).")
@click.option("--interpreted", is_flag=True, help="Without compiling: slow, same result, tracebacks show lines.")
@output_options(report="Write a report page.")
@pass_app
def backtest(  # noqa: PLR0913 - one argument an option or a group of them
    app: App,
    /,
    strategy: str,
    *,
    series: Series,
    params: tuple[str, ...],
    rules: dict[str, Any],
    fine: Fine,
    honesty: bool,
    interpreted: bool,
    output: Output,
) -> None:
    """Backtest STRATEGY (see `pi5 strategies`) on a file's bars or the lake's.

    The result is kept under the home, and `pi5 reproduce` repeats it.
    """
    if honesty and fine:
        raise OptionError("its further runs know no finer bars", where="--honesty", hint="leave the finer bars out")
    spec = make_spec(strategy, params, rules, series.sources)
    bars = series.load(app)
    result = run_and_save(app, spec, bars, interpreted=interpreted, fine=load_fine(app, fine, bars, series))
    found = check_honesty(app, result, bars) if honesty else None
    if output.report is not None:
        write_report(app, output.report, result, bars, found)
    deliver(result, output, found)


def make_spec(strategy: str, params: Sequence[str], rules: dict[str, Any], sources: int) -> BacktestSpec:
    """The checked spec of the options; raises UnknownNameError or OptionError."""
    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.errors import BacktestError

    definition = BacktestSpec(strategy=strategy).definition()
    if sources > 1 and not definition.many_symbols:
        raise OptionError(
            f"it trades one symbol a run, not {sources}", where=f"strategy {strategy}", hint="run it once for each"
        )
    if sources == 1 and definition.many_symbols:
        raise OptionError(
            "it chooses among several symbols, and got one",
            where=f"strategy {strategy}",
            hint="give --symbol (or --bars) once for each",
        )
    values = parse_params(params, [parameter.name for parameter in definition.parameters])
    try:
        return BacktestSpec(strategy=strategy, params=values, **rules).checked()
    except BacktestError as error:
        raise OptionError(error.what, where=error.where, hint=error.hint) from error


def parse_params(given: Sequence[str], known: Sequence[str]) -> dict[str, float]:
    """`fast=10` and its like as numbers by name; raises OptionError naming the one that is wrong."""
    values: dict[str, float] = {}
    for one in given:
        name, equals, number = (part.strip() for part in one.partition("="))
        where = f"--param {one}"
        if not equals or not name:
            raise OptionError("not of the form NAME=VALUE", where=where, hint="for instance --param fast=10")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise OptionError(f"no such parameter: {name!r}", where=where, hint=hint)
        if name in values:
            raise OptionError(f"{name!r} is given twice", where=where, hint="give it once")
        try:
            values[name] = float(number)
        except ValueError as error:
            raise OptionError(f"{number!r} is not a number", where=where, hint=f"for instance {name}=10") from error
        if not math.isfinite(values[name]):
            raise OptionError(f"{number!r} is not a finite number", where=where, hint=f"for instance {name}=10")
    return values


def run_and_save(
    app: App, spec: BacktestSpec, bars: Sequence[Bars], *, interpreted: bool, fine: Bars | None = None
) -> BacktestResult:
    """Run, and keep the result where `pi5 reproduce` finds it."""
    from pi5_pipelines.backtest.nightly import facts, results_folder
    from pi5_pipelines.backtest.run import run_backtest
    from pi5_pipelines.backtest.store import ResultStore
    from pi5_pipelines.honesty.trials import Ledger, ledger_file

    started = time.perf_counter()
    with waiting(f"{spec.strategy} (the first run of a strategy compiles it)"):
        result = run_backtest(spec, bars, interpreted=interpreted, fine=fine)
    ResultStore(results_folder(app.settings)).save(result, facts(spec.strategy, time.perf_counter() - started))
    Ledger(ledger_file(app.settings)).record_result(result.document, bars)
    return result


def write_report(
    app: App, path: Path, result: BacktestResult, bars: Sequence[Bars], honesty: dict[str, Any] | None = None
) -> None:
    """The page of one result, with what the checks said of its symbols where they come from the lake."""
    import polars as pl

    from pi5_pipelines.report.page import render

    names = result.document["symbols"]
    verdicts = app.lake.read("verdicts").filter(pl.col("symbol").is_in(names))
    if "file" in bars[0].input:
        verdicts = verdicts.clear()
    page = render(
        [result],
        {one.symbol: one for one in bars},
        verdicts,
        [],
        title=f"{result.document['strategy']} on {', '.join(names)}",
        data_as_of=result.document["end"],
        honesty=honesty,
    )
    write_target(path, page.encode())


def deliver(result: BacktestResult, output: Output, honesty: dict[str, Any] | None = None) -> None:
    """Hand the result over: its bytes to a file or to stdout, else (or besides) a table for people."""
    from pi5_pipelines.backtest.result import canonical

    document = result.document if honesty is None else {**result.document, "honesty": honesty}
    if output.json_only:
        click.echo(canonical(document), nl=False)
        return
    if output.json_file is not None:
        write_target(output.json_file, canonical(document))
    params = " ".join(f"{name}={value:g}" for name, value in document["params"].items())
    title = f"{document['strategy']} {params}".strip() + f" on {', '.join(document['symbols'])}"
    span = f"{document['bars']:,} bars of {document['timeframe']}, {document['start']} to {document['end']}"
    rows = [*((name, document[key]) for name, key in FIGURES), *friction_rows(document)]
    ruined = ["The account was ruined: equity fell to zero, and trading stopped."] if document["ruined"] else []
    show(
        table(f"{title}\n{span}", ("figure", "value"), rows, numbers=("value",)),
        *ruined,
        *([] if honesty is None else honesty_shown(honesty)),
        f"Result {result.result_id}, kept under reports/results in the home.",
        *output.written(),
        "Next:",
        f"  pi5 reproduce {result.result_id}    the same again, byte for byte",
        *([] if output.report else ["  the same with --report page.html    its curves and trades on a page"]),
    )
