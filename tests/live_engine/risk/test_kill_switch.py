"""The kill switch: it only grows stronger, outlives the process, only a person re-arms it, and what follows from it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.events import Event, KillAction, KillSwitchRearmed, KillSwitchSet, decoder, encoder
from live_engine.risk.kill_switch import STRENGTH, Close, KillSwitch, consequences, fold_switch
from tests.live_engine.risk.facts import event, order, working

if TYPE_CHECKING:
    from live_engine.events import AnyBody, Side
    from live_engine.risk.view import WorkingOrder

ACTIONS: tuple[KillAction, ...] = ("halt", "cancel-all", "flatten")


def put(action: KillAction, actor: str = "ann", nonce: str = "") -> KillSwitchSet:
    return KillSwitchSet(action=action, actor=actor, reason="why", nonce=nonce)


def fold(*bodies: AnyBody) -> KillSwitch:
    switch = KillSwitch()
    for moment, body in enumerate(bodies, start=1):
        switch = fold_switch(switch, event(body, moment))
    return switch


@pytest.mark.parametrize("first", ACTIONS)
@pytest.mark.parametrize("second", ACTIONS)
def test_a_weaker_action_takes_nothing_back(first: KillAction, second: KillAction) -> None:
    stronger = max(first, second, key=STRENGTH.__getitem__)
    assert fold(put(first, "ann"), put(second, "bob")).action == stronger
    if STRENGTH[second] <= STRENGTH[first]:
        assert fold(put(first, "ann"), put(second, "bob")) == KillSwitch(first, "ann", "why", 1)


def test_what_is_no_kill_event_changes_nothing() -> None:
    assert fold(put("halt"), order()) == fold(put("halt"))


@pytest.mark.parametrize("actor", ["", "  ", "risk"])
def test_nobody_and_the_rules_themselves_cannot_rearm(actor: str) -> None:
    assert fold(put("cancel-all"), KillSwitchRearmed(actor=actor)).action == "cancel-all"


def test_a_person_can() -> None:
    assert fold(put("flatten"), KillSwitchRearmed(actor="ann")).action == ""
    assert fold(put("flatten"), KillSwitchRearmed(actor="ann"), put("halt")).action == "halt"


bodies = st.one_of(
    st.builds(put, st.sampled_from(ACTIONS), st.sampled_from(["ann", "risk"]), st.sampled_from(["", "n1", "n2"])),
    st.builds(
        lambda actor, nonce: KillSwitchRearmed(actor=actor, nonce=nonce),
        st.sampled_from(["ann", "", "risk"]),
        st.sampled_from(["", "n3"]),
    ),
)


@given(written=st.lists(bodies, max_size=12), cut=st.integers(0, 12))
def test_the_switch_is_the_same_after_a_restart_from_journal_and_snapshot(written: list[AnyBody], cut: int) -> None:
    whole = fold(*written)
    snapshot = msgspec.json.encode(fold(*written[:cut]))
    restored = msgspec.json.decode(snapshot, type=KillSwitch)
    for moment, body in enumerate(written[cut:], start=min(cut, len(written)) + 1):
        text = encoder.encode(body)
        restored = fold_switch(restored, Event(seq=1, wall_ns=moment, mono_ns=0, body=decoder.decode(text)))
    assert restored == whole


ORDERS = (
    working("buy", 2, client_order_id="entry"),
    working("sell", 4, client_order_id="stop", reduce_only=True, resting=False),
)
HELD = {"A": Decimal(4), "B": Decimal("-1.5"), "C": Decimal(0)}


def test_the_three_actions_ask_for_three_things() -> None:
    assert consequences(fold(), ORDERS, HELD) == ((), ())
    assert consequences(fold(put("halt")), ORDERS, HELD) == ((), ())
    assert consequences(fold(put("cancel-all")), ORDERS, HELD) == (("entry", "stop"), ())
    assert consequences(fold(put("flatten")), ORDERS, HELD) == (
        ("entry", "stop"),
        (Close("A", "sell", Decimal(4)), Close("B", "buy", Decimal("1.5"))),
    )


def closing(side: Side, quantity: str, symbol: str) -> WorkingOrder:
    return working(side, quantity, client_order_id=f"close-{symbol}", symbol=symbol, reduce_only=True)


def test_what_is_being_closed_is_not_closed_twice() -> None:
    under_way = (closing("sell", "4", "A"), closing("buy", "1", "B"))
    found = consequences(fold(put("flatten")), under_way, HELD)
    assert found == ((), (Close("B", "buy", Decimal("0.5")),))


def test_a_closing_order_that_closes_nothing_any_more_is_cancelled() -> None:
    found = consequences(fold(put("flatten")), (closing("sell", "4", "A"),), {"A": Decimal(-4)})
    assert found == (("close-A",), (Close("A", "buy", Decimal(4)),))


def test_to_cancel_all_takes_closing_orders_too() -> None:
    assert consequences(fold(put("cancel-all")), (closing("sell", "4", "A"),), HELD).cancel == ("close-A",)
