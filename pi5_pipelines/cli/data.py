"""`pi5 data`: look into the lake."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import OptionError
from pi5_pipelines.cli.options import check_range, day_range, json_flag
from pi5_pipelines.cli.screen import emit, show, size, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import polars as pl

    from pi5_pipelines.lake.table import Lake


@click.group()
def data() -> None:
    """Look into the lake: tables, rows, versions, SQL."""


@data.command(name="list")
@json_flag
@pass_app
def list_tables(app: App, *, as_json: bool) -> None:
    """List the tables with their versions, rows and sizes."""
    infos = app.lake.tables()
    if as_json:
        rows = [
            {"table": i.name, "version": i.version, "rows": i.rows, "bytes": i.bytes, "files": i.files} for i in infos
        ]
        emit({"tables": rows})
    elif infos:
        numbers = ("version", "rows", "size", "files")
        cells = [(i.name, i.version, i.rows, size(i.bytes), i.files) for i in infos]
        show(table("", ("table", *numbers), cells, numbers=numbers), "Next: pi5 data show TABLE")
    else:
        show(f"The lake {app.lake.root} is empty. Next: pi5 ingest")


@data.command(name="show")
@click.argument("name", metavar="TABLE")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; again for more.")
@day_range
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Newest rows; 0 for all.")
@click.option("--version", type=click.IntRange(min=0), help="As the table was at this version.")
@click.option("--adjusted", is_flag=True, help="Bars with splits and dividends taken out.")
@json_flag
@pass_app
def show_rows(  # noqa: PLR0913 - one argument an option
    app: App,
    name: str,
    *,
    symbols: tuple[str, ...],
    start: date | None,
    end: date | None,
    limit: int,
    version: int | None,
    adjusted: bool,
    as_json: bool,
) -> None:
    """Show rows of TABLE, the newest where it has times; bars in real prices.

    These are the lake's own rows, at a version; `pi5 data sql` also sees those that are in TimescaleDB alone.
    """
    check_range(start, end)
    version = app.lake.open(name, version).version()
    if adjusted and not name.startswith("bars_"):
        raise OptionError(f"{name} holds no bars", where="--adjusted", hint="leave it out")
    frame = rows_of(app.lake, name, version, symbols, start, end, adjusted=adjusted)
    shown = frame.tail(limit) if limit else frame
    if as_json:
        emit({"table": name, "version": version, "total": frame.height, "rows": list(shown.iter_rows(named=True))})
        return
    title = f"{name}, version {version}: {shown.height:,} of {frame.height:,} rows"
    show(table(title, shown.columns, [[_cell(value) for value in row] for row in shown.iter_rows()]))


def rows_of(
    lake: Lake,
    name: str,
    version: int,
    symbols: Sequence[str],
    start: date | None,
    end: date | None,
    *,
    adjusted: bool,
) -> pl.DataFrame:
    """The wanted rows, in order of time where there is one; raises UnknownNameError, OptionError, DataRangeError."""
    import polars as pl

    from pi5_pipelines.errors import DataRangeError

    frame = lake.read(name, version=version)
    _check_symbols(symbols, frame["symbol"].unique().sort().to_list(), name)
    if symbols:
        frame = frame.filter(pl.col("symbol").is_in(list(symbols)))
    if name.startswith("bars_"):
        frame = real_bars(lake, frame, adjusted=adjusted)
    if "ts" not in frame.columns:
        if start or end:
            raise OptionError(f"{name} has no times", where="--start and --end", hint="leave them out")
        return frame
    days = pl.col("ts").dt.date()
    wanted = frame.filter(pl.lit(value=True) if start is None else days >= start)
    wanted = wanted.filter(pl.lit(value=True) if end is None else days <= end)
    if wanted.is_empty() and not frame.is_empty():
        raise DataRangeError(
            f"no rows from {start or 'the beginning'} to {end or 'the end'}",
            where=f"lake table {name}",
            hint=f"there are rows from {str(frame['ts'].min())[:10]} to {str(frame['ts'].max())[:10]}",
        )
    return wanted.sort("ts", "symbol", maintain_order=True)


def real_bars(lake: Lake, frame: pl.DataFrame, *, adjusted: bool) -> pl.DataFrame:
    """Scaled bars of any symbols as real prices, adjusted for splits and dividends if asked for."""
    import polars as pl

    from pi5_pipelines.market.adjust import adjusted as adjust
    from pi5_pipelines.market.bars import to_real

    scales = {row["symbol"]: row for row in lake.read("instruments").iter_rows(named=True)}
    parts = []
    for (symbol,), part in frame.partition_by("symbol", as_dict=True, maintain_order=True).items():
        real = to_real(part, scales[symbol]["price_scale"], scales[symbol]["size_scale"])
        if adjusted:
            real = adjust(real, lake.read("corporate_actions", symbols=[str(symbol)]), "total-return")
        parts.append(real)
    return pl.concat(parts) if parts else frame


@data.command()
@click.argument("name", metavar="[TABLE]", required=False)
@json_flag
@pass_app
def versions(app: App, name: str | None, *, as_json: bool) -> None:
    """Every table's current version, or all versions of one TABLE."""
    if name is None:
        current = {info.name: info.version for info in app.lake.tables()}
        if as_json:
            emit(current)
        else:
            show(table("", ("table", "version"), current.items(), numbers=("version",)))
        return
    history = app.lake.history(name)
    if as_json:
        rows = [
            {
                "version": one.version,
                "committed_at_utc": one.committed_at_utc,
                "operation": one.operation,
                "note": one.note,
            }
            for one in history
        ]
        emit({"table": name, "version": history[0].version, "versions": rows})
        return
    cells = [(one.version, _cell(one.committed_at_utc), one.operation, _noted(one.note)) for one in history]
    show(
        table(name, ("version", "committed (UTC)", "operation", "note"), cells, numbers=("version",)),
        f"Next: pi5 data show {name} --version {history[-1].version}",
    )


@data.command()
@click.argument("query")
@json_flag
@pass_app
def sql(app: App, query: str, *, as_json: bool) -> None:
    """Ask the lake in DuckDB's SQL: one view a table, bars in real prices.

    Where [timescale] has a dsn, a table's rows there and in the lake are one.

    For instance: pi5 data sql "SELECT symbol, max(ts) FROM bars_1d GROUP BY symbol"
    """
    columns, rows = answer(app, query)
    if as_json:
        emit({"columns": columns, "rows": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        show(table("", columns, [[_cell(value) for value in row] for row in rows]), f"{len(rows):,} rows")


def answer(app: App, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a query; raises OptionError with DuckDB's own reason."""
    import duckdb

    from pi5_pipelines.errors import DataRangeError
    from pi5_pipelines.lake.query import check_reading, connect
    from pi5_pipelines.timescale.recent import recent_rows

    if not app.lake.names() and not app.settings.timescale.dsn:
        raise DataRangeError("the lake is empty", where=str(app.lake.root), hint="run `pi5 ingest` first")
    with (
        recent_rows(app.settings.timescale, app.lake, query) as recent,
        connect(app.lake, app.settings.duckdb, recent) as connection,
    ):
        try:
            check_reading(query)
            cursor = connection.execute(query)
            columns = [str(column[0]) for column in cursor.description or ()]
            rows = cursor.fetchall() if columns else []
        except duckdb.Error as error:
            raise OptionError(
                " ".join(str(error).split()), where="SQL", hint="`pi5 data list` names the tables"
            ) from error
        except RuntimeError as error:
            if str(error) != "Query interrupted":  # DuckDB's words for Ctrl-C
                raise
            connection.interrupt()  # its other threads would work on, and closing would wait for them
            raise KeyboardInterrupt from error
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise OptionError(f"two columns are called {twice[0]!r}", where="SQL", hint="give one a name with AS")
    return columns, rows


def _check_symbols(wanted: Sequence[str], known: Sequence[str], name: str) -> None:
    from pi5_pipelines.errors import UnknownNameError

    for symbol in wanted:
        if symbol not in known:
            near = difflib.get_close_matches(symbol, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise UnknownNameError(f"no rows of {symbol!r}", where=f"lake table {name}", hint=hint)


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value of a table
    from datetime import datetime, time

    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time.min else f"{value:%Y-%m-%d %H:%M:%S}"
    # Prices and quantities keep their digits.
    return f"{value:.10g}" if isinstance(value, float) else value


def _noted(note: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(note.items()))
