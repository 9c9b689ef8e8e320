"""Equity marks over days and re-arms, and the kill switch that a loss sets by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.events import AccountMarked, KillSwitchRearmed, KillSwitchSet
from live_engine.risk.loss import EquityMarks, breach, fold_marks
from tests.live_engine.risk.facts import event, limits, order, view

if TYPE_CHECKING:
    from live_engine.events import AnyBody


def marked(equity: int, day: str) -> AccountMarked:
    return AccountMarked(cash=Decimal(0), equity=Decimal(equity), day=day)


def fold(*bodies: AnyBody) -> tuple[int, int, int]:
    marks = EquityMarks()
    for body in bodies:
        marks = fold_marks(marks, event(body))
    return int(marks.equity), int(marks.start_of_day), int(marks.peak)


def test_a_day_begins_with_the_equity_that_the_one_before_ended_with() -> None:
    monday = (marked(100, "2025-11-24"), marked(130, "2025-11-24"), marked(120, "2025-11-24"))
    assert fold(*monday) == (120, 100, 130)
    assert fold(*monday, marked(90, "2025-11-25")) == (90, 120, 130)


def test_a_mark_of_a_day_gone_by_begins_no_day() -> None:
    assert fold(marked(100, "2025-11-25"), marked(90, "2025-11-24"), marked(80, "2025-11-25")) == (80, 100, 100)


def test_a_rearm_by_a_person_counts_losses_anew() -> None:
    lost = (marked(100, "2025-11-24"), marked(60, "2025-11-24"))
    assert fold(*lost, KillSwitchRearmed(actor="ann")) == (60, 60, 60)
    assert fold(*lost, KillSwitchRearmed(actor="")) == (60, 100, 100)
    assert fold(*lost, KillSwitchRearmed(actor="risk")) == (60, 100, 100)
    assert fold(*lost, order()) == (60, 100, 100)


@pytest.mark.parametrize(("equity", "sets"), [("9500", False), ("9499.99", True)])
def test_a_loss_beyond_its_limit_sets_the_switch(equity: str, *, sets: bool) -> None:
    found = breach(view(equity=equity), limits(max_daily_loss=Decimal(500)))
    assert (found is not None) == sets


@pytest.mark.parametrize(("equity", "sets"), [("10800", False), ("10799.99", True)])
def test_so_does_a_drawdown_without_a_loss_today(equity: str, *, sets: bool) -> None:
    found = breach(view(equity=equity, peak_equity=12_000), limits(max_drawdown_pct=Decimal(10)))
    assert (found is not None) == sets


def test_the_switch_goes_as_far_as_asked_and_is_not_set_twice() -> None:
    tight = limits(max_daily_loss=Decimal(1), loss_action="flatten")
    lost = view(equity=9_000, kill="halt")
    assert breach(lost, tight) == KillSwitchSet(
        action="flatten", actor="risk", reason="1000 have been lost today, at most 1 may be"
    )
    assert breach(view(equity=9_000, kill="flatten"), tight) is None
    assert breach(lost, limits(max_daily_loss=Decimal(1))) is None


def test_an_account_that_was_never_worth_anything_has_drawn_down_when_it_falls() -> None:
    assert breach(view(equity=-1, peak_equity=0, start_of_day_equity=0), limits()) is not None
    assert breach(view(equity=0, peak_equity=0, start_of_day_equity=0), limits()) is None
