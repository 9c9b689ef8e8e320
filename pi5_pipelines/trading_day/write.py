"""A day's report and its check against the backtester, written under `reports/trading/` of the home."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pi5_pipelines.durable import write_bytes_durably
from pi5_pipelines.errors import DataRangeError
from pi5_pipelines.trading_day.check import ReplayCheck, replay_check
from pi5_pipelines.trading_day.journal_days import DayEvents
from pi5_pipelines.trading_day.trading_report import TradingReport, trading_report

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings

T = TypeVar("T")
HINT = "materialize it, or use `pi5 live report`"
ENCODER = msgspec.json.Encoder(decimal_format="string", order="deterministic")


def page_file(settings: Settings, day: date) -> Path:
    """The page of a day."""
    return settings.folder("reports") / "trading" / f"{day}.html"


def report_file(settings: Settings, day: date) -> Path:
    """The page's figures for machines."""
    return page_file(settings, day).with_suffix(".json")


def check_file(settings: Settings, day: date) -> Path:
    """The check of a day."""
    return page_file(settings, day).with_suffix(".check.json")


def write_check(settings: Settings, day: date) -> ReplayCheck:
    """Trade the day's bars again and write what came of it; raises JournalReadError."""
    found = replay_check(DayEvents(settings, day), day)
    write_bytes_durably(check_file(settings, day), ENCODER.encode(found))
    return found


def read_check(settings: Settings, day: date) -> ReplayCheck:
    """The check as it was written; raises DataRangeError where there is none that this program wrote."""
    return _read(check_file(settings, day), ReplayCheck)


def read_report(settings: Settings, day: date) -> TradingReport:
    """The report's figures as they were written; raises DataRangeError where this program wrote none."""
    return _read(report_file(settings, day), TradingReport)


def day_or_last(settings: Settings, day: str | None) -> date:
    """That day, or else the last one that was written; raises DataRangeError when there is none."""
    folder = settings.folder("reports") / "trading"
    days = [day] if day is not None else sorted(file.name[:10] for file in folder.glob("????-??-??.check.json"))
    if not days:
        raise DataRangeError("there is no report", where=str(folder), hint=HINT)
    return date.fromisoformat(days[-1])


def write_report(settings: Settings, day: date, *, now_ns: int | None = None) -> TradingReport:
    """Write a day's figures and its page, which shows the check where one was written; raises JournalReadError."""
    from pi5_pipelines.report.trading_day import render_day

    report = trading_report(DayEvents(settings, day), day, now_ns=time.time_ns() if now_ns is None else now_ns)
    write_bytes_durably(report_file(settings, day), ENCODER.encode(report))
    check = read_check(settings, day) if check_file(settings, day).exists() else None
    write_bytes_durably(page_file(settings, day), render_day(report, check).encode())
    return report


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise DataRangeError("there is no such report", where=str(path), hint=HINT) from None
    except msgspec.MsgspecError as error:
        raise DataRangeError(f"another program wrote it: {error}", where=str(path), hint=HINT) from error
