"""`pi5 status`: where things stand, on one screen."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, labelled, show, size, table

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.backtest.nightly import NightlyOutcome
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

FIGURES = ("return %", "hold %", "Sharpe", "drawdown %", "trades")


@click.command(short_help="Data, last results, backup, disk at a glance.")
@json_flag
@pass_app
def status(app: App, *, as_json: bool) -> None:
    """Data, last night's results, report, backup and disk: where things stand."""
    found = gather(app.settings, app.lake)
    if as_json:
        emit(found)
        return
    show(*lines(found))


def gather(settings: Settings, lake: Lake) -> dict[str, Any]:
    """Everything that `pi5 status` tells, as one document."""
    from pi5_pipelines.report.nightly import report_file

    page = report_file(settings)
    outcome = last_night(settings)
    return {
        "home": str(settings.home_path),
        "data_as_of": data_as_of(lake, f"bars_{settings.ingest.timeframe}"),
        "tables": [
            {"table": i.name, "version": i.version, "rows": i.rows, "bytes": i.bytes, "files": i.files}
            for i in lake.tables()
        ],
        "failed_checks": failed_checks(lake),
        "results": list(outcome.results) if outcome else [],
        "skipped": [*outcome.skipped, *outcome.failed] if outcome else [],
        "results_as_of": outcome.as_of if outcome else None,
        "report": str(page) if page.exists() else None,
        "backup": last_backup(settings),
        "live": live(settings),
        "disk_free_bytes": shutil.disk_usage(existing(settings.home_path)).free,
    }


def last_night(settings: Settings) -> NightlyOutcome | None:
    """The last night's outcome; None before the first."""
    from pi5_pipelines.backtest.nightly import read_outcome
    from pi5_pipelines.errors import DataRangeError

    try:
        return read_outcome(settings)
    except DataRangeError:
        return None


def data_as_of(lake: Lake, name: str) -> str | None:
    """The day of the newest bar; None without bars."""
    bars = lake.read(name)
    return None if bars.is_empty() else str(bars["ts"].max())[:10]


def failed_checks(lake: Lake) -> list[dict[str, Any]]:
    """Checks of the data that did not pass."""
    import polars as pl

    return lake.read("verdicts").filter(~pl.col("passed")).select("table", "symbol", "check", "detail").to_dicts()


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return path if path.exists() else existing(path.parent)


def lines(found: dict[str, Any]) -> list[object]:
    """The document for people."""
    rows = sum(one["rows"] for one in found["tables"])
    held = f"{len(found['tables'])} tables, {rows:,} rows, {size(sum(one['bytes'] for one in found['tables']))}"
    parts: list[object] = [
        labelled("Home", f"{found['home']} ({size(found['disk_free_bytes'])} free)"),
        labelled("Data", f"as of {found['data_as_of']}: {held}" if found["data_as_of"] else "none yet"),
        *(labelled("", f"{one['symbol']} {one['check']}: {one['detail']}", "red") for one in found["failed_checks"]),
        labelled("Backup", backup_line(found["backup"])),
        *((labelled("Live", live_line(found["live"])),) if found["live"] else ()),
    ]
    if found["results"]:
        parts.append(results_table(found))
    parts += [f"Left out: {one['symbol']} ({one['strategy']}): {one['reason']}" for one in found["skipped"]]
    parts.append(labelled("Report", found["report"] or "none yet"))
    return [*parts, "", "Try next:", *(f"  {line}" for line in next_steps(found))]


def results_table(found: dict[str, Any]) -> object:
    """Last night's figures, a line a strategy and symbol."""
    cells = [
        (
            one["strategy"],
            one["symbols"][0] if len(one["symbols"]) == 1 else f"{len(one['symbols'])} symbols",
            one["return_pct"],
            one["buy_and_hold_pct"],
            one["sharpe"],
            one["max_drawdown_pct"],
            one["trades"],
            one["result_id"],
        )
        for one in found["results"]
    ]
    title = f"Last night's backtests, data as of {found['results_as_of']}"
    return table(title, ("strategy", "symbol", *FIGURES, "result"), cells, numbers=FIGURES)


def next_steps(found: dict[str, Any]) -> list[str]:
    """The two things most worth doing now."""
    if not found["tables"]:
        return [
            "pi5 ingest                fetch prices into the lake",
            "pi5 doctor                see what this machine lacks",
        ]
    best = max(found["results"], key=lambda one: one["sharpe"] or 0.0, default=None)
    if best is None:
        return [
            "pi5 strategies            what can be backtested",
            "pi5 backtest sma_cross --symbol SYMBOL",
        ]
    symbol = best["symbols"][0]
    return [
        f"pi5 backtest sma_cross --symbol {symbol} --param fast=20 --param slow=100 --report sma.html",
        f"pi5 reproduce {best['result_id']}    the same result again, byte for byte",
    ]


def last_backup(settings: Settings) -> dict[str, Any] | None:
    """The newest backup; None without one. A manifest that cannot be read is itself the news."""
    from pi5_pipelines.backup import backup_folder, manifests, unreadable
    from pi5_pipelines.cli.backup import document_of

    folder = backup_folder(settings)
    if wrong := unreadable(folder):
        return {"id": None, "problem": str(wrong[0])}
    found = manifests(folder)
    return document_of(settings, found[0]) if found else None


def live(settings: Settings) -> dict[str, Any] | None:
    """How far the live engine's journal and its ledger are; None without a journal."""
    from live_engine.errors import JournalError, JournalMissingError
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.ledger.offset import committed
    from pi5_pipelines.ledger.source import journal_file

    try:
        with JournalReader(journal_file(settings)) as reader:
            last_seq, done = reader.last_seq(), committed(settings.folder("lake"), reader.epoch())
            return {"journal": reader.epoch(), "last_seq": last_seq, "in_the_ledger": done}
    except JournalMissingError:
        return None
    except JournalError as error:
        return {"journal": None, "problem": str(error)}


def live_line(found: dict[str, Any]) -> str:
    """The same in words."""
    if found["journal"] is None:
        return f"BAD: {found['problem']}"
    left = found["last_seq"] - found["in_the_ledger"]
    how = f"{left:,} not yet in the ledger" if left else "all in the ledger; pi5 live balance shows the money"
    return f"{found['last_seq']:,} events, {how}"


def backup_line(found: dict[str, Any] | None) -> str:
    """The newest backup in words."""
    from pi5_pipelines.cli.backup import verified_text

    if found is None:
        return "none yet; pi5 backup create makes one"
    if found["id"] is None:
        return f"BAD: {found['problem']}"
    made = found["created_at_utc"][:16].replace("T", " ")
    return f"{made} UTC, {size(found['bytes'])}, verified: {verified_text(found)}"
