"""Who belongs to whom: groups, parents with their children, and chains of replacements, by client order id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_engine.events import OrderIntent

Index = dict[str, dict[str, None]]


class Family:
    """Relations between orders, by id alone; ids keep the order in which they came."""

    def __init__(self) -> None:
        self._groups: Index = {}
        self._children: Index = {}
        self._successors: Index = {}
        self._replaces: dict[str, str] = {}

    def add(self, intent: OrderIntent) -> None:
        """Take an order in."""
        for index, key in self._places(intent):
            index.setdefault(key, {})[intent.client_order_id] = None
        if intent.replaces:
            self._replaces[intent.client_order_id] = intent.replaces

    def remove(self, intent: OrderIntent) -> None:
        """Forget an order."""
        for index, key in self._places(intent):
            index[key].pop(intent.client_order_id)
            if not index[key]:
                del index[key]
        self._replaces.pop(intent.client_order_id, None)

    def group(self, name: str) -> tuple[str, ...]:
        """The orders of a group."""
        return tuple(self._groups.get(name, ())) if name else ()

    def children(self, parent: str) -> tuple[str, ...]:
        """The orders that name this very one as their parent."""
        return tuple(self._children.get(parent, ()))

    def successors(self, order_id: str) -> tuple[str, ...]:
        """The orders that were to take this one's place."""
        return tuple(self._successors.get(order_id, ()))

    def is_alone(self, intent: OrderIntent) -> bool:
        """Whether an order names no other one, and none names it."""
        own = intent.client_order_id
        named = intent.group or intent.parent or intent.replaces
        return not named and own not in self._children and own not in self._successors

    def root(self, order_id: str) -> str:
        """The first order of a chain."""
        while order_id in self._replaces:
            order_id = self._replaces[order_id]
        return order_id

    def chain(self, order_id: str) -> tuple[str, ...]:
        """Every order of a chain, from its first, each after the one that it replaces."""
        found = [self.root(order_id)]
        for one in found:  # grows while it is walked
            found.extend(self.successors(one))
        return tuple(found)

    def relatives(self, intent: OrderIntent) -> set[str]:
        """Chain, siblings, parent's chain and children: whoever an event of this order may concern."""
        own = self.chain(intent.client_order_id)
        found = {*own, *self.group(intent.group)}
        if intent.parent:
            found.update(self.chain(intent.parent))
        for one in own:
            found.update(self.children(one))
        return found

    def _places(self, intent: OrderIntent) -> Iterator[tuple[Index, str]]:
        for index, key in (
            (self._groups, intent.group),
            (self._children, intent.parent),
            (self._successors, intent.replaces),
        ):
            if key:
                yield index, key
