"""Orders by hand from intent to end: sent once durable, filled at later prices, found again by a restart."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.api.desk import Conflicting, Denied, Placed, Repeated
from live_engine.events import (
    AccountMarked,
    CancelRequested,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntent,
    OrderSubmitted,
)
from live_engine.journal import snapshot
from tests.live_engine.trading_floor import DAY_NS, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.trading_floor import Trading


def test_an_order_is_wanted_then_sent_and_fills_at_the_next_price(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        assert isinstance(await floor.place("o1", "buy", "5"), Placed)
        assert floor.status("o1") == "NEW"
        await floor.tick("B", "99.00")
        assert floor.status("o1") == "NEW"
        await floor.tick("A", "10.10")
        kinds = (OrderIntent, OrderSubmitted, OrderAccepted, OrderFilled)
        intent, submitted, accepted, filled = floor.bodies(*kinds)
        assert (type(submitted), type(accepted)) == (OrderSubmitted, OrderAccepted)
        assert (intent.decision_price, intent.currency, intent.actor) == (Decimal("10.00"), "USD", "me")
        assert (filled.quantity, filled.price, filled.fee) == (Decimal(5), Decimal("10.1"), Decimal("0.0505"))
        assert floor.status("o1") == "FILLED"
        account = floor.office.account()
        assert account.cash == Decimal(10_000) - Decimal("50.5") - Decimal("0.0505")
        await floor.tick("A", "11.00")
        assert floor.office.account().equity == Decimal(10_000) + Decimal("4.5") - Decimal("0.0505")
        assert [one.cash for one in floor.bodies(AccountMarked)][-1] == account.cash

    run(journal, act, hand={"fee_bps": 10.0})


def test_the_same_order_again_is_answered_and_another_under_its_name_refused(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        both = await asyncio.gather(floor.place("o1", "buy", "5"), floor.place("o1", "buy", "5"))
        assert [type(one) for one in both] == [Placed, Repeated]
        assert isinstance(await floor.place("o1", "buy", "5.00"), Repeated)
        assert isinstance(await floor.place("o1", "buy", "6"), Conflicting)
        assert len(floor.bodies(OrderIntent)) == 1

    run(journal, act)


def test_an_order_that_only_the_journal_remembers_is_no_new_one(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("o1", "buy", "5")
        await floor.tick("A", "10.10")
        floor.floor.state.books.hand.keep_closed = 1
        await floor.place("o2", "buy", "7")
        await floor.tick("A", "10.10")
        assert floor.floor.state.books.order("o1") is None
        assert isinstance(await floor.place("o1", "buy", "5"), Repeated)
        assert isinstance(await floor.place("o1", "buy", "6"), Conflicting)
        older = await floor.office.order("o1")
        assert older is not None
        assert older.status.name == "FILLED"
        assert [one.client_order_id for one in await floor.office.fills(after=0, symbol="A", limit=10)] == ["o1", "o2"]

    run(journal, act)


def test_a_bracket_wakes_with_its_entry_and_one_exit_ends_the_other(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("in", "buy", "5")
        exits = {"parent": "in", "group": "exits", "reduce_only": True}
        await floor.place("stop", "sell", "5", "stop", stop_price="9.50", **exits)
        await floor.place("gain", "sell", "5", "limit", limit_price="11.00", **exits)
        assert [floor.status(one) for one in ("in", "stop", "gain")] == ["NEW", "INTENT", "INTENT"]
        await floor.tick("A", "10.10")
        assert [floor.status(one) for one in ("in", "stop", "gain")] == ["FILLED", "NEW", "NEW"]
        await floor.tick("A", "9.40")
        assert [floor.status(one) for one in ("in", "stop", "gain")] == ["FILLED", "FILLED", "CANCELED"]
        assert floor.held() == 0

    run(journal, act)


def test_a_restart_finds_a_bracket_armed_and_a_trailing_stop_where_it_was(journal: Path) -> None:
    async def first(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("in", "buy", "5")
        await floor.place("trail", "sell", "5", "trailing_stop", trail="0.50", parent="in", reduce_only=True)
        await floor.tick("A", "10.00")
        await floor.tick("A", "12.00")
        assert floor.order("trail").stop_price == Decimal("11.5")

    async def second(floor: Trading) -> None:
        assert floor.status("trail") == "NEW"
        await floor.tick("A", "11.60")
        assert floor.held() == 5
        await floor.tick("A", "11.45")
        assert (floor.held(), floor.status("trail")) == (Decimal(0), "FILLED")

    run(journal, first)
    run(journal, second)


def test_whatever_a_crash_cut_off_is_done_by_the_next_start(journal: Path) -> None:
    async def wanted(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        intent = OrderIntent(
            client_order_id="o1", symbol="A", side="buy", order_type="market", quantity=Decimal(5), time_in_force="gtc"
        )
        await asyncio.wrap_future(floor.journal.append([intent]))  # and nothing after it

    async def unanswered(floor: Trading) -> None:
        assert floor.status("o1") == "NEW"
        await asyncio.wrap_future(floor.journal.append([CancelRequested(client_order_id="o1")]))

    async def ended(floor: Trading) -> None:
        assert floor.status("o1") == "CANCELED"

    run(journal, wanted)
    run(journal, unanswered)
    run(journal, ended)


def test_a_cancelled_order_fills_no_more(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("o1", "buy", "5", "limit", limit_price="9.00")
        asked = await floor.office.cancel("o1", "me")
        assert asked is not None
        assert asked.status.name in ("PENDING_CANCEL", "CANCELED")  # the venue may have answered by then
        await floor.floor.settled()
        assert floor.status("o1") == "CANCELED"
        await floor.tick("A", "8.00")
        assert floor.held() == 0
        assert len(floor.bodies(OrderCanceled)) == 1
        assert await floor.office.cancel("o2", "me") is None

    run(journal, act)


def test_a_replacement_takes_the_place_of_its_order_with_what_that_has_filled(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("o1", "buy", "5", "limit", limit_price="9.00")
        await floor.place("o2", "buy", "5", "limit", limit_price="9.90", replaces="o1")
        assert [floor.status(one) for one in ("o1", "o2")] == ["REPLACED", "NEW"]
        await floor.tick("A", "9.80")
        assert floor.held() == 5
        gone = await floor.place("o3", "buy", "9", "limit", limit_price="9.00", replaces="o2")
        assert isinstance(gone, Denied)
        assert "has ended as Filled" in gone.reason

    run(journal, act)


def test_orders_at_once_end_with_the_next_price_and_those_of_the_day_with_the_day(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("now", "buy", "5", "limit", limit_price="9.00", time_in_force="ioc")
        await floor.place("today", "buy", "4", "limit", limit_price="9.00", time_in_force="day")
        await floor.tick("A", "10.00")
        assert [floor.status(one) for one in ("now", "today")] == ["EXPIRED", "NEW"]
        await floor.tick("A", "9.50", after_s=DAY_NS / 2e9)
        assert floor.status("today") == "EXPIRED"

    run(journal, act)


def test_an_order_good_for_the_day_does_not_outlive_a_night_without_the_engine(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("today", "buy", "4", "limit", limit_price="9.00", time_in_force="day")

    async def next_day(floor: Trading) -> None:
        await floor.tick("A", "8.00", after_s=DAY_NS / 2e9)
        assert (floor.status("today"), floor.held()) == ("EXPIRED", Decimal(0))

    run(journal, act)
    run(journal, next_day)


def test_more_orders_than_the_rulebooks_book_holds_all_fill(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await asyncio.gather(*(floor.place(f"o{one}", "buy", str(one + 1)) for one in range(40)))
        await floor.tick("A", "10.00")
        assert floor.held() == sum(range(1, 41))
        fills = floor.bodies(OrderFilled)
        assert len({(one.client_order_id, one.fill_id) for one in fills}) == 40

    run(journal, act, risk={"max_orders_per_second": 100}, hand={"cash": 1e6})


def test_what_cannot_be_paid_for_is_rejected_by_the_venue(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("o1", "buy", "1001")
        await floor.tick("A", "10.00")
        assert floor.held() <= 1000
        assert floor.office.account().cash >= 0

    run(journal, act)


def test_a_floor_restarted_from_a_snapshot_is_the_fold_of_its_journal(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("in", "buy", "5")
        await floor.place("stop", "sell", "5", "stop", stop_price="9.50", parent="in", reduce_only=True)
        await floor.tick("A", "10.10")
        seq, body = await floor.floor.at_rest()
        await asyncio.wrap_future(floor.journal.run(lambda connection: snapshot.store(connection, seq, body)))
        await floor.tick("A", "10.20")

    async def again(floor: Trading) -> None:
        assert floor.floor.state.folded_from > 0
        assert floor.status("stop") == "NEW"
        assert floor.held() == 5

    run(journal, act)
    run(journal, again)
