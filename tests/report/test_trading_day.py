"""The page of a live day: whole in one file, the same twice, and nothing of what the journal says runs in it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.events import (
    AccountMarked,
    EngineStarted,
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    StreamGap,
)
from live_engine.journal.writer import Journal
from pi5_pipelines.report.trading_day import MOST_POINTS, MOST_ROWS, curve, render_day
from pi5_pipelines.settings import Settings
from pi5_pipelines.trading_day.check import ReplayCheck, replay_check
from pi5_pipelines.trading_day.journal_days import DAY_NS, DayEvents, begin_ns
from pi5_pipelines.trading_day.trading_report import Point, TradingReport, trading_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.events import AnyBody

DAY = date(2026, 3, 2)
EVIL = "</script><script>alert(1)</script><b>"


def bodies(fills: int) -> list[AnyBody]:
    found: list[AnyBody] = [EngineStarted(program="p", restored_seq=0)]
    for number in range(fills):
        name = f"{EVIL}{number}"
        found += [
            OrderIntent(
                client_order_id=name,
                symbol=EVIL,
                side="buy",
                order_type="market",
                quantity=Decimal(10),
                strategy=EVIL,
                decision_price=Decimal(100),
            ),
            OrderAccepted(client_order_id=name),
            OrderFilled(client_order_id=name, fill_id="1", quantity=Decimal(10), price=Decimal("100.5")),
            AccountMarked(
                cash=Decimal(0), equity=Decimal(10_000 + number % 7), day="", market_ns=number * 60_000_000_000
            ),
        ]
    found.append(OrderDenied(client_order_id="x", rule=EVIL, reason=EVIL))
    found.append(OrderRejected(client_order_id="y", reason=EVIL))
    found.append(StreamGap(stream=EVIL, symbol=EVIL, from_ns=0, to_ns=5_000_000_000))
    return found


@pytest.fixture
def told(tmp_path: Path) -> Callable[[int], tuple[TradingReport, ReplayCheck]]:
    """A day with so many fills, and its check."""

    def of(fills: int) -> tuple[TradingReport, ReplayCheck]:
        settings = Settings(home=str(tmp_path))
        noon_ns = begin_ns(DAY) + DAY_NS // 2
        with Journal(settings.folder("journal") / "live.sqlite", wall_ns=lambda: noon_ns) as journal:
            journal.append(bodies(fills)).result()
        events = DayEvents(settings, DAY)
        return trading_report(events, DAY, now_ns=noon_ns + DAY_NS), replay_check(events, DAY)

    return of


def test_it_is_one_file_that_asks_for_nothing_and_runs_nothing_of_the_journals(
    told: Callable[[int], tuple[TradingReport, ReplayCheck]],
) -> None:
    page = render_day(*told(20))
    assert "<b>" not in page
    assert "alert(1)</script>" not in page
    assert page.count("&lt;/script&gt;") > 20
    for outside in (' src="http', ' href="http', "@import", "url(http"):
        assert outside not in page


def test_long_days_are_cut_and_say_so(told: Callable[[int], tuple[TradingReport, ReplayCheck]]) -> None:
    report, check = told(600)
    page = render_day(report, check)
    assert page == render_day(report, check)
    assert f"The last {MOST_ROWS} of 600" in page
    assert f"The first {MOST_ROWS} of 600" in page
    assert "600 differences, together 603000 in cash" in page
    assert "50.0" in page  # bps of half a dollar in a hundred


def test_the_curve_never_goes_back_and_keeps_its_last_point() -> None:
    import base64

    import numpy as np

    points = [Point(market_ns=(at - at % 3) * 1_000_000_000, equity=Decimal(at)) for at in range(10_001)]
    points.append(Point(market_ns=5, equity=Decimal(77)))
    drawn = curve(points)
    axis = np.frombuffer(base64.b64decode(drawn["axis"]), dtype="<u4")
    equity = np.frombuffer(base64.b64decode(drawn["equity"]), dtype="<f4")
    assert (np.diff(axis.astype(np.int64)) >= 0).all()
    assert len(axis) == len(equity) <= MOST_POINTS + 1
    assert (equity[0], equity[-1]) == (0.0, 77.0)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_browser_draws_it_without_a_network_or_a_complaint(
    look: Callable[..., Any], told: Callable[[int], tuple[TradingReport, ReplayCheck]]
) -> None:
    seen = look(render_day(*told(30)))
    assert [url.rpartition("/")[2] for url in seen.requests] == ["report.html"]
    assert seen.page.locator("#equity canvas").count() == 1
    seen.page.locator("#fills th button").nth(5).click()
    assert seen.page.locator("#fills th").nth(5).get_attribute("aria-sort") == "descending"
    seen.page.set_viewport_size({"width": 500, "height": 900})
    seen.page.emulate_media(color_scheme="dark")
    assert seen.complaints == []
