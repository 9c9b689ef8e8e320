"""What must hold of an engine that has gone down: held against its journal, its API, and what it had told before."""

from __future__ import annotations

import http.client
import shutil
import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine.journal.verify import verify
from live_engine.restore import restore
from live_engine.settings import exported_days
from tests.live_engine.crash.raw_journal import Fold, rows, split
from tests.live_engine.crash.resident import HAND_CASH, STRATEGY_CASH, Caller

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from live_engine.restore import State
    from tests.live_engine.crash.load import Answer, Told
    from tests.live_engine.crash.resident import Resident

QUIET_S = 10.0
CENT_FRACTION = Decimal("1e-6")  # accounts of strategies are floats, as a backtest's are
ENDED = ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "REPLACED")
AT_WORK = ("NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE")  # the latter while prices move on
SAME = ("client_order_id", "symbol", "side", "type", "limit_price", "parent", "group", "replaces", "seq", "placed_ns")
UNWRITTEN = ("shape", "symbol")  # such a denial is answered and not written down: there is no such order


def journal_is_whole(resident: Resident, told: Told) -> Fold:
    """Nothing that was told is lost, nothing is doubled, and a restart finds the same whichever way it goes."""
    assert (report := verify(resident.journal)).problems == (), report
    events = rows(resident.journal)
    fold = Fold(events)
    assert fold.problems == [], fold.problems
    assert (apart := split(events)) == [], apart
    nothing_told_is_lost(fold, told)
    restarts_agree(resident, fold)
    return fold


def nothing_told_is_lost(fold: Fold, told: Told) -> None:
    """Every event, fill and order that anybody was told of is in the journal as it was told."""
    for seq, event in told.events.items():
        assert seq <= len(fold.events), f"event {seq} was told and is lost: {event}"
        assert fold.events[seq - 1].body == event["body"]
    for seq, fill in told.fills.items():
        assert seq <= len(fold.events), f"fill {seq} was told and is lost: {fill}"
        body = fold.events[seq - 1].body
        assert (body["type"], body["client_order_id"], body["fill_id"]) == (
            "OrderFilled",
            fill["client_order_id"],
            fill["fill_id"],
        )
        assert (body["quantity"], body["price"]) == (fill["quantity"], fill["price"])
    for answer in told.answers:
        _is_in(fold, answer)
    actions = [one.body["action"] for one in fold.events if one.type == "KillSwitchSet"]
    rearmed = sum(one.type == "KillSwitchRearmed" for one in fold.events)
    asked = [one for one in told.switched if one != "rearm"]
    assert all(actions.count(one) >= asked.count(one) for one in asked)
    assert rearmed >= told.switched.count("rearm")


def _is_in(fold: Fold, answer: Answer) -> None:
    own, counts = answer.order_id, fold.counts[answer.order_id]
    if answer.status == http.client.UNPROCESSABLE_ENTITY:
        assert counts["OrderDenied"] == (answer.data["rule"] not in UNWRITTEN), answer
        return
    assert own in fold.intents, f"{own} was answered with {answer.status} and is lost"
    assert Decimal(answer.data["filled_quantity"]) <= fold.chain_filled(own)
    if answer.method == "DELETE":
        assert counts["CancelRequested"] or counts["OrderCanceled"] or fold.ended(own), answer


def restarts_agree(resident: Resident, fold: Fold) -> None:
    """The state out of the newest snapshot, that of the whole journal, and the test's own fold are one."""
    copy = resident.copy_to(resident.folder / "copy")
    try:
        found = restore(copy, resident.live.strategies, exported_days(resident.folder))
        is_fold(found, fold)
        with closing(sqlite3.connect(copy)) as database, database:
            database.execute("DELETE FROM snapshots")
        whole = restore(copy, resident.live.strategies, exported_days(resident.folder))
        assert whole.folded_from == 0
        assert (whole.seq, whole.lacking) == (found.seq, found.lacking)
        assert whole.books.state() == found.books.state()
        assert whole.broker.state() == found.broker.state()
        assert (whole.risk.marks, whole.risk.bars) == (found.risk.marks, found.risk.bars)
        assert (whole.risk.switch.action, whole.risk.switch.actor) == (
            found.risk.switch.action,
            found.risk.switch.actor,
        )
    finally:
        shutil.rmtree(copy.parent)


def is_fold(state: State, fold: Fold) -> None:
    """What the engine restores is what the journal says; strategies owe it nothing, since a bar is one append."""
    assert state.lacking == []
    assert state.seq == len(fold.events)
    held = {symbol: one.quantity for symbol, one in state.books.positions().items() if one.quantity}
    assert held == fold.positions()
    for book, name in ((state.books.hand, "hand"), (state.books.strategies, "strategies")):
        assert sum(book.positions.cash.values(), Decimal(0)) == fold.cash[name]
    at_venue = {one.id for one in state.books.hand.open_orders() if not one.is_held}
    assert set(fold.working()) <= at_venue


def await_quiet(path: Path) -> Fold:
    """The journal once no order is half way: a restart has done what the crash had left undone."""
    deadline = time.monotonic() + QUIET_S
    while True:
        fold = Fold(rows(path))
        if not (halfway := fold.halfway()):
            return fold
        assert time.monotonic() < deadline, f"left half way: {halfway}"
        time.sleep(0.02)


def restarted_as_it_was(resident: Resident, before: Fold, told: Told, asked: Iterable[str]) -> Fold:
    """An engine that answers again: exits are armed, orders stand as was told, money is the fold of fills."""
    after = await_quiet(resident.journal)
    answers: dict[str, list[Answer]] = {}
    for answer in told.answers:
        answers.setdefault(answer.order_id, []).append(answer)
    with Caller(resident) as caller:
        for own in before.exits():
            _, view = caller.call("GET", f"/api/v1/orders/{own}")
            assert view["status"] in (*AT_WORK, *ENDED), view
        for own in asked:
            status, view = caller.call("GET", f"/api/v1/orders/{own}")
            for answer in answers.get(own, ()):
                not_contradicted(answer, status, view)
        money_is_the_fold(resident, caller)
    return after


def not_contradicted(answer: Answer, status: int, view: dict[str, Any]) -> None:
    """An order stands where it can have come from where it was told to stand."""
    if answer.status == http.client.UNPROCESSABLE_ENTITY:
        if answer.data["rule"] not in UNWRITTEN:
            assert (status, view["status"]) == (http.client.OK, "REJECTED")
        return
    assert status == http.client.OK, f"{answer.order_id} was answered with {answer.status} and is gone"
    before = answer.data
    assert {name: view[name] for name in SAME} == {name: before[name] for name in SAME}
    assert Decimal(view["filled_quantity"]) >= Decimal(before["filled_quantity"])
    assert before["venue_order_id"] in ("", view["venue_order_id"])
    if before["status"] in ENDED:
        assert view["status"] == before["status"]
    if answer.method == "DELETE":
        assert view["status"] in ENDED


def money_is_the_fold(resident: Resident, caller: Caller) -> None:
    """Positions and cash as the API tells them, at a moment when nothing filled meanwhile."""
    began = time.monotonic()
    while True:
        before = Fold(rows(resident.journal))
        _, positions = caller.call("GET", "/api/v1/positions")
        _, account = caller.call("GET", "/api/v1/account")
        fills = sum(one.type == "OrderFilled" for one in rows(resident.journal))
        held = {one["symbol"]: Decimal(one["quantity"]) for one in positions["positions"]}
        held = {symbol: quantity for symbol, quantity in held.items() if quantity}
        cash = HAND_CASH + 2 * STRATEGY_CASH + sum(before.cash.values())
        is_same = held == before.positions() and abs(Decimal(account["cash"]) - cash) < CENT_FRACTION
        if is_same and fills == sum(one.type == "OrderFilled" for one in before.events):
            return
        assert time.monotonic() - began < QUIET_S, (held, before.positions(), account, cash)
