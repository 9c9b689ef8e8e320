"""Any interleaving of what we ask and what a venue says, against a model that only adds up distinct fills."""

# ruff: noqa: D102 - the name of a rule says what it does

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from live_engine import events
from live_engine.orders import contingency, snapshot, stops
from live_engine.orders.book import OrderBook
from live_engine.orders.status import TERMINAL, OrdStatus
from tests.live_engine.orders import order_events as make

if TYPE_CHECKING:
    from collections.abc import Callable

IDS = [f"o{number}" for number in range(6)]
ANSWERS: list[Callable[[str], events.Body]] = [
    make.submitted, make.accepted, make.rejected, make.unknown, make.ask_cancel, make.cancel_rejected, make.canceled,
    make.expired, make.denied, make.replaced, make.replace_rejected,
]  # fmt: skip
WORD_OF_VENUE = (
    events.OrderAccepted, events.OrderRejected, events.OrderCanceled, events.OrderExpired, events.OrderReplaced,
    events.ReplaceRejected, events.OrderFilled, events.OrderIntent,
)  # fmt: skip  # an intent brings the strays of its order with it

ids = st.sampled_from(IDS)
quantities = st.integers(1, 12).map(Decimal)
prices = st.integers(9_000, 11_000).map(lambda cents: Decimal(cents) / 100)


class Interleaving(RuleBasedStateMachine):
    """The book under test, the journal so far, and the model: intents and distinct fills."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.book = OrderBook()
        self.journal: list[events.Body] = []
        self.kept = (0, snapshot.to_bytes(self.book))
        self.intents: dict[str, events.OrderIntent] = {}
        self.trades: dict[tuple[str, str], events.OrderFilled] = {}
        self.on_the_way: list[events.OrderFilled] = []
        self.before: dict[str, OrdStatus] = {}
        self.last: events.Body | None = None
        for number in data.draw(st.permutations([0, 1, 2])):
            name = IDS[number]
            side = data.draw(st.sampled_from(["buy", "sell"]))
            self.tell(make.intent(name, "8", side=side, symbol="X", replaces="o0" if number == 2 else ""))
            self.tell(data.draw(st.sampled_from([make.submitted, make.accepted, make.unknown]))(name))

    def tell(self, body: events.Body) -> None:
        self.before = {order.id: order.standing for order in self.book.orders.values()}
        self.last = body
        self.journal.append(body)
        if isinstance(body, events.OrderIntent):
            self.intents.setdefault(body.client_order_id, body)
        if isinstance(body, events.OrderFilled):
            self.trades.setdefault((body.client_order_id, body.fill_id), body)
        self.book.apply(body, len(self.journal), len(self.journal))

    @rule(
        order_id=ids, quantity=quantities, sells=st.booleans(), symbol=st.sampled_from(["X", "Y"]),
        relation=st.sampled_from(["", "replaces", "parent"]), other=ids, group=st.sampled_from(["", "g"]),
        trails=st.booleans(), reduces=st.booleans(),
    )  # fmt: skip
    def want(  # noqa: PLR0913 - one for each thing that an order can be
        self, *, order_id: str, quantity: Decimal, sells: bool, symbol: str, relation: str, other: str, group: str,
        trails: bool, reduces: bool,
    ) -> None:  # fmt: skip
        side: events.Side = "sell" if sells else "buy"
        known = self.intents.get(other)
        if relation == "replaces" and known is not None:
            symbol, side, group = known.symbol, known.side, known.group
        self.tell(
            events.OrderIntent(
                client_order_id=order_id, symbol=symbol, side=side, quantity=quantity, group=group,
                order_type="trailing_stop" if trails else "market", trail=Decimal(2) if trails else None,
                reduce_only=reduces, replaces=other if relation == "replaces" and known and other != order_id else "",
                parent=other if relation == "parent" and other != order_id else "",
            )
        )  # fmt: skip

    @rule(order_id=ids, answer=st.sampled_from(ANSWERS))
    def answer(self, order_id: str, answer: Callable[[str], events.Body]) -> None:
        self.tell(answer(order_id))

    @rule(
        order_id=ids, fill_id=st.integers(0, 4).map(str), quantity=quantities, price=prices, fee=st.integers(0, 3),
        at_once=st.booleans(),
    )  # fmt: skip
    def trade(self, *, order_id: str, fill_id: str, quantity: Decimal, price: Decimal, fee: int, at_once: bool) -> None:
        known = self.trades.get((order_id, fill_id))
        pending = [one for one in self.on_the_way if (one.client_order_id, one.fill_id) == (order_id, fill_id)]
        made = events.OrderFilled(
            client_order_id=order_id, fill_id=fill_id, quantity=quantity, price=price, fee=Decimal(fee)
        )
        self.on_the_way.append(known or (pending[0] if pending else made))
        if at_once:
            self.tell(self.on_the_way.pop())

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.on_the_way) - 1))
        self.tell(self.on_the_way.pop(place))

    @precondition(lambda self: self.journal)
    @rule(data=st.data())
    def deliver_again_under_its_old_seq(self, data: st.DataObject) -> None:
        seq = data.draw(st.integers(1, len(self.journal)))
        before = snapshot.to_bytes(self.book)
        assert self.book.apply(self.journal[seq - 1], seq, seq) is None
        assert snapshot.to_bytes(self.book) == before

    @precondition(lambda self: self.trades)
    @rule(data=st.data())
    def deliver_a_fill_again_as_a_new_event(self, data: st.DataObject) -> None:
        orders, cash = dict(self.book.orders), dict(self.book.positions.cash)
        self.tell(self.trades[data.draw(st.sampled_from(sorted(self.trades)))])
        assert (self.book.orders, self.book.positions.cash) == (orders, cash)

    @rule()
    def restart(self) -> None:
        count, kept = self.kept
        restored = snapshot.from_bytes(kept, where="here")
        for seq, body in enumerate(self.journal[count:], count + 1):
            restored.apply(body, seq, seq)
        refolded = OrderBook()
        for seq, body in enumerate(self.journal, 1):
            refolded.apply(body, seq, seq)
        assert snapshot.to_bytes(restored) == snapshot.to_bytes(refolded) == snapshot.to_bytes(self.book)
        self.book = restored

    @rule()
    def keep_a_snapshot(self) -> None:
        self.kept = (len(self.journal), snapshot.to_bytes(self.book))

    @rule(price=prices, symbol=st.sampled_from(["X", "Y"]))
    def carry_out_what_follows(self, price: Decimal, symbol: str) -> None:
        """Whatever follows is written down at once; after that nothing more follows until something happens."""
        for body in stops.on_price(self.book, symbol, price):
            self.tell(body)
        assert stops.on_price(self.book, symbol, price) == ()
        for _ in range(len(self.book.orders) + 1):
            bodies = contingency.outstanding(self.book)
            for body in bodies:
                self.tell(body)
            if not bodies:
                return
        raise AssertionError(contingency.outstanding(self.book))

    @invariant()
    def what_has_filled_is_the_sum_of_distinct_fills(self) -> None:
        for order in self.book.orders.values():
            own = [fill for (order_id, _), fill in self.trades.items() if order_id == order.id]
            assert order.filled == sum(fill.quantity for fill in own)
            assert order.value == sum(fill.quantity * fill.price for fill in own)
            old = self.book.orders.get(order.intent.replaces)
            assert order.carried == (old.cumulative if old else 0)
            assert order.overfilled == (order.filled > 0 and order.cumulative > order.quantity)

    @invariant()
    def positions_and_cash_are_the_sum_of_distinct_fills(self) -> None:
        held: dict[str, Decimal] = {}
        cash = Decimal(0)
        for (order_id, _), fill in self.trades.items():
            if order_id in self.intents:
                intent = self.intents[order_id]
                signed = fill.quantity if intent.side == "buy" else -fill.quantity
                held[intent.symbol] = held.get(intent.symbol, Decimal(0)) + signed
                cash -= signed * fill.price + fill.fee
        positions = self.book.positions.by_symbol.values()
        assert {position.symbol: position.quantity for position in positions} == held
        assert self.book.positions.cash.get("USD", 0) == cash
        assert sum(position.realised - position.cost - position.fees for position in positions) == cash

    @invariant()
    def an_end_is_left_by_a_late_fill_only(self) -> None:
        for order_id, was in self.before.items():
            order = self.book.orders[order_id]
            if was in TERMINAL and order.standing is not was:
                assert order.standing is OrdStatus.FILLED
                assert order.late
                assert isinstance(self.last, events.OrderFilled)

    @invariant()
    def an_unknown_fate_is_known_by_the_venues_word_only(self) -> None:
        for order_id, was in self.before.items():
            if was is OrdStatus.UNKNOWN and self.book.orders[order_id].standing is not OrdStatus.UNKNOWN:
                assert isinstance(self.last, WORD_OF_VENUE)
        if isinstance(self.last, events.OrderUnknown):
            lost = self.book.orders.get(self.last.client_order_id)
            assert lost is None or lost.standing in TERMINAL | {OrdStatus.UNKNOWN}

    @invariant()
    def the_open_orders_are_those_that_have_not_ended(self) -> None:
        orders = self.book.orders.values()
        assert {order.id for order in self.book.open_orders()} == {one.id for one in orders if one.is_open}
        assert set(self.book.closed) == {one.id for one in orders if not one.is_open}

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.restart()


Interleaving.TestCase.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
test_any_interleaving = Interleaving.TestCase
