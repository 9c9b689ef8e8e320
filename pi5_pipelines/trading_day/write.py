"""A day's report and its check against the backtester, written under `reports/trading/` of the home."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.durable import write_bytes_durably
from pi5_pipelines.trading_day.check import ReplayCheck, replay_check
from pi5_pipelines.trading_day.journal_days import DayEvents
from pi5_pipelines.trading_day.trading_report import trading_report

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from pi5_pipelines.settings import Settings
    from pi5_pipelines.trading_day.trading_report import TradingReport

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


def read_check(settings: Settings, day: date) -> ReplayCheck | None:
    """The check as it was written; None where there is none, or none that this program wrote."""
    try:
        return msgspec.json.decode(check_file(settings, day).read_bytes(), type=ReplayCheck)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_report(settings: Settings, day: date, *, now_ns: int | None = None) -> TradingReport:
    """Write a day's figures and its page, which shows the check where one was written; raises JournalReadError."""
    from pi5_pipelines.report.trading_day import render_day

    report = trading_report(DayEvents(settings, day), day, now_ns=time.time_ns() if now_ns is None else now_ns)
    write_bytes_durably(report_file(settings, day), ENCODER.encode(report))
    write_bytes_durably(page_file(settings, day), render_day(report, read_check(settings, day)).encode())
    return report
