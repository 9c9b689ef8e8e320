"""The journal read and folded without a line of the engine's: SQLite, JSON, and what its events mean."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

ZERO = Decimal(0)
ENDS = ("OrderDenied", "OrderRejected", "OrderCanceled", "OrderExpired", "ReplaceRejected")
TAKEN = ("OrderAccepted", "OrderReplaced")
ONCE = {"sent": ("OrderSubmitted",), "answered": (*TAKEN, "ReplaceRejected"), "ended": ENDS}


class Row(NamedTuple):
    """One event."""

    seq: int
    append: tuple[int, int, str, int]
    body: dict[str, Any]

    @property
    def type(self) -> str:
        """What happened."""
        name: str = self.body["type"]
        return name

    @property
    def order(self) -> str:
        """The order that it is about, empty for none."""
        name: str = self.body.get("client_order_id", "")
        return name


def rows(path: Path) -> list[Row]:
    """All events of a journal."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        statement = "SELECT seq, wall_ns, mono_ns, flow, cause, body FROM events ORDER BY seq"
        return [Row(one[0], one[1:5], json.loads(one[5])) for one in database.execute(statement)]


class Fold:
    """Orders, fills, positions and cash, of orders by hand and of strategies apart."""

    def __init__(self, events: Iterable[Row]) -> None:
        self.events = list(events)
        self.intents: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.filled: dict[str, Decimal] = defaultdict(Decimal)
        self.work: dict[str, Decimal] = {}
        self.wanted_seq: dict[str, int] = {}
        self.filled_seq: dict[str, int] = {}  # of the first fill
        self.by_hand: dict[str, Decimal] = defaultdict(Decimal)
        self.by_strategies: dict[str, Decimal] = defaultdict(Decimal)
        self.cash = {"hand": ZERO, "strategies": ZERO}
        self.successor: dict[str, str] = {}
        self.problems: list[str] = []
        self._chains: dict[str, list[str]] = defaultdict(list)
        self._fill_ids: set[tuple[str, str]] = set()
        self._venue_ids: set[str] = set()
        for number, event in enumerate(self.events, start=1):
            if event.seq != number:
                self.problems.append(f"event {event.seq} is the {number}th")
            self._take(event)
        self._look_at_families()

    def positions(self) -> dict[str, Decimal]:
        """What is held of each symbol, in all."""
        total = dict(self.by_hand)
        for symbol, quantity in self.by_strategies.items():
            total[symbol] = total.get(symbol, ZERO) + quantity
        return {symbol: quantity for symbol, quantity in total.items() if quantity}

    def root(self, order: str) -> str:
        """The first order of a chain of replacements."""
        while self.intents[order].get("replaces"):
            order = self.intents[order]["replaces"]
        return order

    def chain(self, order: str) -> list[str]:
        """An order with all that it replaced and was replaced by."""
        return self._chains[self.root(order)]

    def chain_filled(self, order: str) -> Decimal:
        """What a chain has filled."""
        return sum((self.filled[one] for one in self.chain(order)), ZERO)

    def ended(self, order: str) -> bool:
        """Whether an order works no more."""
        counts = self.counts[order]
        if any(counts[one] for one in ENDS) or order in self.successor:
            return True
        done, one = self.filled[order], order
        while self.intents[one].get("replaces"):
            one = self.intents[one]["replaces"]
            done += self.filled[one]
        return done >= self.work[order]

    def working(self) -> list[str]:
        """The orders by hand that are at the venue."""
        return [
            one
            for one, intent in self.intents.items()
            if not intent.get("strategy") and any(self.counts[one][kind] for kind in TAKEN) and not self.ended(one)
        ]

    def exits(self) -> list[str]:
        """The working orders that protect a position."""
        return [one for one in self.working() if self.intents[one].get("parent")]

    def halfway(self) -> list[str]:
        """Orders by hand of which something is still to be done: sent, accepted, brought to life, cancelled."""
        return [
            one for one, intent in self.intents.items() if not intent.get("strategy") and self._is_halfway(one, intent)
        ]

    def _is_halfway(self, order: str, intent: dict[str, Any]) -> bool:
        counts, parent = self.counts[order], intent.get("parent", "")
        if self.ended(order):
            return False
        if parent and not self.chain_filled(parent) and not counts["CancelRequested"]:
            return all(self.ended(other) for other in self.chain(parent))
        return bool(counts["CancelRequested"]) or not any(counts[kind] for kind in TAKEN)

    def _take(self, event: Row) -> None:
        own, body = event.order, event.body
        if not own:
            return
        if event.type == "OrderIntent":
            self._want(own, event)
        elif own not in self.intents:
            self.problems.append(f"event {event.seq} is of {own}, which nobody wanted")
            return
        elif event.type == "OrderFilled":
            self.filled_seq.setdefault(own, event.seq)
            self._fill(own, body)
        elif event.type in TAKEN:
            self._taken(own, event)
        elif event.type == "OrderTriggered" and "quantity" in body:
            self.work[own] = Decimal(body["quantity"])
        counts = self.counts[own]
        counts[event.type] += 1
        for what, kinds in ONCE.items():
            if sum(counts[kind] for kind in kinds) > 1:
                self.problems.append(f"{own} was {what} twice, with event {event.seq}")

    def _want(self, own: str, event: Row) -> None:
        if own in self.intents:
            self.problems.append(f"{own} is wanted twice")
        self.intents[own] = event.body
        self.work[own] = Decimal(event.body["quantity"])
        self.wanted_seq[own] = event.seq
        self._chains[self.root(own)].append(own)

    def _taken(self, own: str, event: Row) -> None:
        name = event.body.get("venue_order_id", "")
        if not self.intents[own].get("strategy") and (not name or name in self._venue_ids):
            self.problems.append(f"{own} is {name!r} at the venue, as another order or none is")
        self._venue_ids.add(name)
        if event.type == "OrderReplaced":
            self.successor[self.intents[own]["replaces"]] = own

    def _fill(self, own: str, body: dict[str, Any]) -> None:
        intent = self.intents[own]
        if (own, body["fill_id"]) in self._fill_ids:
            self.problems.append(f"fill {body['fill_id']} of {own} is there twice")
        self._fill_ids.add((own, body["fill_id"]))
        if not any(self.counts[own][kind] for kind in TAKEN) or self.ended(own):
            self.problems.append(f"{own} filled before it was accepted or after its end")
        quantity, price = Decimal(body["quantity"]), Decimal(body["price"])
        signed = quantity if intent["side"] == "buy" else -quantity
        book = self.by_strategies if intent.get("strategy") else self.by_hand
        held = book[intent["symbol"]]
        if intent.get("reduce_only") and not intent.get("strategy") and (held * signed >= 0 or quantity > abs(held)):
            self.problems.append(f"{own} only reduces, and sold {quantity} of {held}")
        book[intent["symbol"]] += signed
        self.cash["strategies" if intent.get("strategy") else "hand"] -= signed * price + Decimal(body.get("fee", "0"))
        self.filled[own] += quantity
        if self.filled[own] > self.work[own]:
            self.problems.append(f"{own} filled {self.filled[own]} of {self.work[own]}")

    def _look_at_families(self) -> None:
        """Exits sell no more than their entry bought, and of orders that cancel each other one fills."""
        sold: dict[str, Decimal] = defaultdict(Decimal)
        alternatives: dict[str, list[str]] = defaultdict(list)
        for own, intent in self.intents.items():
            if intent.get("strategy"):
                continue
            if intent.get("parent"):
                sold[self.root(intent["parent"])] += self.filled[own]
            elif intent.get("group") and self.filled[own]:
                alternatives[intent["group"]].append(own)
        for root, quantity in sold.items():
            bought = self.chain_filled(root)
            if quantity > bought:
                self.problems.append(f"the exits of {root} sold {quantity} of {bought}")
        for ids in alternatives.values():
            self.problems += [
                f"{other} filled after {one} of its group"
                for one, other in permutations(ids, 2)
                if self.root(one) != self.root(other)
                and self.wanted_seq[self.root(other)] < self.filled_seq[one] < self.filled_seq[other]
            ]


def split(events: Sequence[Row]) -> list[str]:
    """What strategies did in another append than the bar, or the request, that they did it upon."""
    led = {one.append for one in events if one.type in ("BarClosed", "KillSwitchSet", "CancelRequested")}
    strategies = {one.order for one in events if one.type == "OrderIntent" and one.body.get("strategy")}
    return [
        f"event {one.seq} ({one.type}) is apart from what led to it"
        for one in events
        if (one.type == "Decided" or one.order in strategies) and one.append not in led
    ]
