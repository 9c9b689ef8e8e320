"""`pi5 backtest`: one strategy on bars from a file or from the lake."""

from __future__ import annotations

import difflib
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.frictions import friction_options, friction_rows, load_fine, split_frictions
from pi5_pipelines.cli.honesty import check_honesty, honesty_shown
from pi5_pipelines.cli.options import (
    FILE,
    check_range,
    check_writable_target,
    rule_options,
    series_options,
    write_target,
)
from pi5_pipelines.cli.screen import show, table, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.backtest.spec import BacktestSpec

IN_LAKE = "1d"  # the timeframe of bars from the lake, unless another is asked for
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
@rule_options
@friction_options
@click.option("--honesty", is_flag=True, help="Also say whether the result is likely real (docs/honesty.md).")
@click.option("--interpreted", is_flag=True, help="Without compiling: slow, same result, tracebacks show lines.")
@click.option("--report", type=FILE, metavar="PATH.html", help="Write a report page.")
@click.option("--json", "json_path", metavar="PATH|-", help="Write the result's JSON to a file, or to stdout.")
@pass_app
def backtest(  # noqa: PLR0913 - one argument an option
    app: App,
    /,
    strategy: str,
    *,
    files: tuple[Path, ...],
    symbols: tuple[str, ...],
    timeframe: str | None,
    start: date | None,
    end: date | None,
    params: tuple[str, ...],
    adjust: str | None,
    fine_bars: Path | None,
    fine_timeframe: str | None,
    honesty: bool,
    interpreted: bool,
    report: Path | None,
    json_path: str | None,
    **rules: Any,  # noqa: ANN401 - the fields of BacktestSpec of the same names
) -> None:
    """Backtest STRATEGY (see `pi5 strategies`) on a file's bars or the lake's.

    The result is kept under the home, and `pi5 reproduce` repeats it.
    """
    check_range(start, end)
    check_sources(files, symbols, adjust)
    json_file = Path(json_path) if json_path not in {None, "-"} else None
    check_writable_target(report, "--report")
    check_writable_target(json_file, "--json")
    if honesty and (fine_bars or fine_timeframe):
        raise OptionError("its further runs know no finer bars", where="--honesty", hint="leave the finer bars out")
    spec = make_spec(strategy, params, rules, len(files) + len(symbols))
    bars = load_bars(app, files, symbols, timeframe, start, end, adjust or "total-return")
    fine = load_fine(app, fine_bars, fine_timeframe, bars, adjust)
    result = run_and_save(app, spec, bars, interpreted=interpreted, fine=fine)
    found = check_honesty(app, result, bars) if honesty else None
    if report is not None:
        write_report(app, report, result, bars, found)
    deliver(result, json_path, json_file, report, found)


def check_sources(files: Sequence[Path], symbols: Sequence[str], adjust: str | None) -> None:
    """Raise OptionError unless the bars come from files or from the lake, each named once."""
    if bool(files) == bool(symbols):
        raise OptionError(
            "give either --bars FILE or --symbol SYM" if files else "no bars to run on",
            where=click.get_current_context().command_path,
            hint="--bars FILE for your own prices, --symbol SYM for those of the lake",
        )
    names = [str(path) for path in files] or list(symbols)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"{twice[0]} is given twice", where="--bars" if files else "--symbol", hint="name it once")
    if files and adjust not in {None, "none"}:
        raise OptionError(
            "a file brings no splits or dividends to adjust by",
            where=f"--adjust {adjust}",
            hint="leave it out, or `pi5 ingest` the file and use --symbol",
        )


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
        plain, frictions = split_frictions(rules)
        return BacktestSpec(strategy=strategy, params=values, frictions=frictions, **plain).checked()
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


def load_bars(
    app: App,
    files: Sequence[Path],
    symbols: Sequence[str],
    timeframe: str | None,
    start: date | None,
    end: date | None,
    adjust: str,
) -> list[Bars]:
    """Bars of every file or symbol; raises InputFileError, UnknownNameError or DataRangeError."""
    from pi5_pipelines.backtest.bars import bars_from_file, bars_from_lake
    from pi5_pipelines.errors import DataRangeError

    if files:
        return [bars_from_file(path, timeframe, start=start, end=end) for path in files]
    timeframe = timeframe or IN_LAKE
    if app.lake.version(f"bars_{timeframe}") is None:
        raise DataRangeError(
            f"the lake has no {timeframe} bars yet", where=str(app.lake.root), hint="run `pi5 ingest` first"
        )
    return [bars_from_lake(app.lake, name, timeframe, start=start, end=end, adjust=adjust) for name in symbols]


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


def deliver(
    result: BacktestResult,
    json_path: str | None,
    json_file: Path | None,
    report: Path | None,
    honesty: dict[str, Any] | None = None,
) -> None:
    """Hand the result over: its bytes to a file or to stdout, else (or besides) a table for people."""
    from pi5_pipelines.backtest.result import canonical

    document = result.document if honesty is None else {**result.document, "honesty": honesty}
    if json_path == "-":
        click.echo(canonical(document), nl=False)
        return
    if json_file is not None:
        write_target(json_file, canonical(document))
    params = " ".join(f"{name}={value:g}" for name, value in document["params"].items())
    title = f"{document['strategy']} {params}".strip() + f" on {', '.join(document['symbols'])}"
    span = f"{document['bars']:,} bars of {document['timeframe']}, {document['start']} to {document['end']}"
    rows = [*((name, document[key]) for name, key in FIGURES), *friction_rows(document)]
    written = [f"Written: {path}" for path in (json_file, report) if path is not None]
    ruined = ["The account was ruined: equity fell to zero, and trading stopped."] if document["ruined"] else []
    show(
        table(f"{title}\n{span}", ("figure", "value"), rows, numbers=("value",)),
        *ruined,
        *([] if honesty is None else honesty_shown(honesty)),
        f"Result {result.result_id}, kept under reports/results in the home.",
        *written,
        "Next:",
        f"  pi5 reproduce {result.result_id}    the same again, byte for byte",
        *([] if report else ["  the same with --report page.html    its curves and trades on a page"]),
    )
