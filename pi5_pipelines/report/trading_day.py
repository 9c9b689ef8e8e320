"""The page of a day of live trading: one HTML file that needs nothing but itself, the same bytes for the same day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.report import charts
from pi5_pipelines.report.rendering import from_template, number, own, script_json
from pi5_pipelines.trading_day.journal_days import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from pi5_pipelines.trading_day.check import ReplayCheck
    from pi5_pipelines.trading_day.trading_report import Noted, Point, TradingReport

MOST_ROWS = 500  # of a table
MOST_POINTS = 2_000  # of the curve
Tile = tuple[str, str, bool]


def render_day(report: TradingReport, check: ReplayCheck | None) -> str:
    """The page; without a `check` it says nothing of the backtester."""
    is_drawn = len(report.equity) > 1
    return from_template(
        "trading_day.html",
        {"plain": plain, "clock": text_of, "sentence": sentence},
        title=f"Live trading on {report.day}",
        words=words(report, check),
        report=report,
        check=check,
        most=MOST_ROWS,
        tiles=tiles(report),
        distributions=[
            ("Intent to accepted, ms", report.latency.intent_to_accepted),
            ("Accepted to first fill, ms", report.latency.accepted_to_filled),
            ("Intent to first fill, ms", report.latency.intent_to_filled),
            ("Slippage against the price at decision, bps", report.slippage_bps),
        ],
        refusals=[
            ("Refused by the venue", "What", report.rejects),
            ("Denied by our own rules", "Rule", report.denials),
        ],
        happened=happened(report),
        payload=script_json(curve(report.equity) if is_drawn else {}),
        styles=(charts.uplot_css() if is_drawn else "") + own("page.css"),
        scripts=[own("table.js"), *([charts.uplot_js(), own("trading_day.js")] if is_drawn else [])],
        licences=[("uPlot", own("licenses/uPlot.txt"))] if is_drawn else [],
    )


def words(report: TradingReport, check: ReplayCheck | None) -> str:
    """The day in a few plain sentences."""
    if not report.events:
        up = " The engine ran, and had nothing to write down." if report.uptime.runs else ""
        return f"Nothing happened on this day.{up}"
    told = [f"{report.orders:,} orders were wanted and {len(report.fills):,} fills came of them."]
    told += [f"{sign(one.pnl)} {one.currency} after {number(float(one.fees))} of fees." for one in report.totals]
    denied = sum(one.count for one in report.denials)
    if denied:
        told.append(f"Our own rules denied {denied:,} orders.")
    if report.kill_switch_end:
        told.append(f"The kill switch is on: {report.kill_switch_end}.")
    if report.uptime.kills:
        told.append(f"The engine ended without a word {report.uptime.kills:,} times.")
    if report.unexplained:
        told.append(f"{len(report.unexplained):,} orders are not explained.")
    if check is not None:
        told.append(sentence(check.sentence))
    return " ".join(told)


def tiles(report: TradingReport) -> list[Tile]:
    """Figures at a glance: name, text, whether it is negative."""
    found: list[Tile] = []
    if report.change is not None and report.equity_start is not None:
        found += [
            _tile("Equity at the end", report.equity_end),
            _tile("Change", report.change),
            _tile("Change, %", report.change / report.equity_start * 100 if report.equity_start else None, "%"),
        ]
    for one in report.totals:
        found += [
            _tile(f"Profit, {one.currency}", one.pnl),
            _tile(f"Realised, {one.currency}", one.realised),
            _tile(f"Fees, {one.currency}", one.fees),
            (f"Slippage, {one.currency}", number(float(one.slippage)), False),
        ]
    return [*found, ("Up", f"{number(report.uptime.share * 100, 1)}%", False)]


def happened(report: TradingReport) -> list[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """What is told of the engine: heading, columns, rows."""
    runs = [(text_of(one.from_ns), text_of(one.to_ns), one.ending, one.reason) for one in report.uptime.runs]
    streams = [(text_of(one.wall_ns), one.who, f"gap: {one.what} missing") for one in report.gaps]
    if report.stale.most is not None:
        streams.append(("", "", f"silent for too long {report.stale.count:,} times, at most {report.stale.most:g} s"))
    if report.late_ticks:
        streams.append(("", "", f"{report.late_ticks:,} trades came after their bar was closed"))
    switch = [("", "as the day began", report.kill_switch_start or "off", "")]
    switch += _rows(report.kill_switch)
    switch.append(("", "as the day ended", report.kill_switch_end or "off", ""))
    return [
        (f"Up {number(report.uptime.up_s / 3600)} hours", ("From", "To", "Ended", "Why"), list(runs)),
        ("Kill switch", ("Time", "Who", "What", "Why"), list(switch)),
        ("Streams", ("Time", "Stream", "What"), list(streams)),
        ("Strategies that stopped", ("Time", "Who", "What", "Why"), list(_rows(report.stopped))),
    ]


def curve(points: Sequence[Point]) -> dict[str, str]:
    """The equity as the page carries it: time never goes back, and no more points than a screen shows."""
    import numpy as np

    step = -(-len(points) // MOST_POINTS)
    kept = [*points[:-1:step], points[-1]]
    moments = np.maximum.accumulate(np.array([one.market_ns // 1_000 for one in kept], dtype=np.int64))
    return {
        "axis": charts.seconds(np.maximum(moments, 0)),
        "equity": charts.float32(np.array([float(one.equity) for one in kept], dtype=np.float64)),
    }


def plain(value: Decimal | None) -> str:
    """A decimal as it is, thousands apart, without zeros that say nothing."""
    return number(None) if value is None else f"{value.normalize():,f}"


def sentence(text: str) -> str:
    """A capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def sign(value: Decimal) -> str:
    """What was earned or lost, in words."""
    return f"{'Earned' if value >= 0 else 'Lost'} {number(abs(float(value)))}"


def _rows(noted: Iterable[Noted]) -> list[tuple[str, str, str, str]]:
    return [(text_of(one.wall_ns), one.who, one.what, one.reason) for one in noted]


def _tile(name: str, value: Decimal | None, unit: str = "") -> Tile:
    return name, number(None if value is None else float(value), 2, unit), value is not None and value < 0
