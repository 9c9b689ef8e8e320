"""Every row of the table: where an order stands, and what each event makes of it."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from live_engine.orders import status
from live_engine.orders.status import TERMINAL, TRANSITIONS, ExecType, OrdStatus, standing_after, status_of
from tests.live_engine.orders import order_events as make

if TYPE_CHECKING:
    from live_engine.events import Body

TO: dict[OrdStatus, list[Body]] = {
    OrdStatus.INTENT: [make.intent()],
    OrdStatus.SUBMITTED: [make.intent(), make.submitted()],
    OrdStatus.UNKNOWN: [make.intent(), make.submitted(), make.unknown()],
    OrdStatus.NEW: [make.intent(), make.submitted(), make.accepted()],
    OrdStatus.PARTIALLY_FILLED: [make.intent(), make.submitted(), make.accepted(), make.fill()],
    OrdStatus.FILLED: [make.intent(), make.submitted(), make.accepted(), make.fill(quantity="10")],
    OrdStatus.CANCELED: [make.intent(), make.submitted(), make.accepted(), make.canceled()],
    OrdStatus.EXPIRED: [make.intent(), make.submitted(), make.accepted(), make.expired()],
    OrdStatus.REJECTED: [make.intent(), make.submitted(), make.rejected()],
    OrdStatus.REPLACED: [
        make.intent(),
        make.submitted(),
        make.accepted(),
        make.intent("b", replaces="a"),
        make.replaced("b"),
    ],
}
EVENTS: dict[ExecType, list[Body]] = {
    ExecType.SUBMITTED: [make.submitted()],
    ExecType.NEW: [make.accepted()],
    ExecType.TRADE: [make.fill(fill_id="x", quantity="1")],
    ExecType.CANCELED: [make.canceled()],
    ExecType.EXPIRED: [make.expired()],
    ExecType.REJECTED: [make.rejected()],
    ExecType.DENIED: [make.denied()],
    ExecType.REPLACED: [make.intent("c", replaces="a"), make.replaced("c")],
    ExecType.UNKNOWN: [make.unknown()],
}
STANDINGS = list(TO)


def drawn() -> dict[OrdStatus, dict[ExecType, OrdStatus]]:
    """The table of the docstring, read by the columns of its head."""
    lines = [line[4:] for line in (status.__doc__ or "").splitlines() if line.startswith("    ")]
    head, rows = lines[0], lines[1:-1]
    columns = [(found.start(), found.group()) for found in re.finditer(r"\S+", head)][1:]
    ends = [start for start, _name in columns[1:]] + [None]
    table = {}
    for row in rows:
        cells = {ExecType(name): row[start:end].strip() for (start, name), end in zip(columns, ends, strict=True)}
        table[OrdStatus[row.split()[0]]] = {kind: OrdStatus[cell] for kind, cell in cells.items() if cell}
    return table


def test_the_table_that_is_drawn_is_the_one_that_holds() -> None:
    assert drawn() == {standing: row for standing, row in TRANSITIONS.items() if standing not in TERMINAL}


@pytest.mark.parametrize("standing", STANDINGS)
def test_every_standing_is_reached_by_its_events(standing: OrdStatus) -> None:
    assert make.order_of(*TO[standing]).standing is standing


@pytest.mark.parametrize(("standing", "kind"), list(product(STANDINGS, EVENTS)))
def test_every_event_moves_every_standing_as_the_table_says(standing: OrdStatus, kind: ExecType) -> None:
    wanted = TRANSITIONS[standing].get(kind, standing)
    if kind is ExecType.NEW and standing is OrdStatus.PARTIALLY_FILLED:
        assert wanted is OrdStatus.PARTIALLY_FILLED
    assert make.order_of(*TO[standing], *EVENTS[kind]).standing is wanted


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_trade_that_completes_the_quantity_fills_from_everywhere(standing: OrdStatus) -> None:
    order = make.order_of(*TO[standing], make.fill(fill_id="x", quantity="10"))
    assert order.standing is OrdStatus.FILLED
    assert order.late == (standing in TERMINAL - {OrdStatus.FILLED})


@pytest.mark.parametrize(("standing", "kind"), list(product(sorted(TERMINAL), ExecType)))
def test_a_terminal_standing_is_left_by_no_event(standing: OrdStatus, kind: ExecType) -> None:
    assert standing_after(standing, kind) is standing


@pytest.mark.parametrize("standing", STANDINGS)
def test_what_was_asked_for_covers_open_standings_that_are_known(standing: OrdStatus) -> None:
    covered = standing not in TERMINAL and standing is not OrdStatus.UNKNOWN
    shown = status_of(standing, cancel_asked=True, replace_asked=True)
    assert shown is (OrdStatus.PENDING_CANCEL if covered else standing)
    shown = status_of(standing, cancel_asked=False, replace_asked=True)
    assert shown is (OrdStatus.PENDING_REPLACE if covered else standing)
    assert status_of(standing, cancel_asked=False, replace_asked=False) is standing


@pytest.mark.parametrize("standing", [one for one in STANDINGS if one not in TERMINAL])
def test_a_refused_cancellation_leaves_the_order_as_it_was(standing: OrdStatus) -> None:
    before = make.order_of(*TO[standing])
    after = make.order_of(*TO[standing], make.ask_cancel(), make.cancel_rejected())
    assert after.status is before.status
    assert (after.cancels_refused, after.cancel_asked) == (1, False)


@pytest.mark.parametrize("standing", [one for one in STANDINGS if one in TERMINAL])
def test_nothing_is_asked_of_an_order_that_has_ended(standing: OrdStatus) -> None:
    assert make.order_of(*TO[standing], make.ask_cancel()) == make.order_of(*TO[standing])
