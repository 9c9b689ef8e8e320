"""The in-memory event bus: what is published under a topic reaches everybody who subscribed to it, in order.

Publishing never waits. Each subscriber has a queue of its own with an end to it; what happens when a slow one has
filled it, the subscriber chose: of each topic only the latest value is kept, or the subscription ends. Whatever a
subscriber does not get is counted. One event loop, no threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection

Policy = Literal["conflate", "disconnect"]
Value = TypeVar("Value")


class Subscription(Generic[Value]):
    """An asynchronous iterator of (topic, value) that ends when it is closed, or was too slow (`disconnected`)."""

    def __init__(self, bus: Bus[Value], topics: Collection[str], size: int, policy: Policy) -> None:
        self.topics = frozenset(topics)
        self.dropped = 0
        self.disconnected = False
        self._bus = bus
        self._size = size
        self._policy = policy
        self._waiting: deque[tuple[str, Value]] = deque()
        self._news = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __aiter__(self) -> Subscription[Value]:
        return self

    async def __anext__(self) -> tuple[str, Value]:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def close(self) -> None:
        """Get nothing more; what waits already may still be read."""
        self._closed = True
        self._news.set()
        self._bus.forget(self)

    def put(self, topic: str, value: Value) -> int:
        """Take a value of the bus; answers how many values were lost for it."""
        lost = 0
        if len(self._waiting) >= self._size:
            lost = self._make_room(topic)
        if not self._closed:
            self._waiting.append((topic, value))
        self.dropped += lost
        self._news.set()
        return lost

    def _make_room(self, topic: str) -> int:
        before = len(self._waiting)
        if self._policy == "disconnect":
            self._waiting.clear()
            self.disconnected = True
            self.close()
            return before + 1
        latest: dict[str, tuple[str, Value]] = {}
        for waiting in self._waiting:
            latest.pop(waiting[0], None)  # a topic stands where its latest value came
            latest[waiting[0]] = waiting
        latest.pop(topic, None)
        self._waiting = deque(latest.values())
        while len(self._waiting) >= self._size:  # more topics than room: the one that has been quiet longest
            self._waiting.popleft()
        return before - len(self._waiting)


class Bus(Generic[Value]):
    """Topics are texts such as `bars.GOOG.1d`; a subscription to `bars.*` gets all that begin with `bars.`."""

    def __init__(self) -> None:
        self.dropped = 0
        self.disconnected = 0
        self._subscriptions: list[Subscription[Value]] = []
        self._takers: dict[str, list[Subscription[Value]]] = {}  # by topic, as far as published since a change

    def subscribe(self, topics: Collection[str], *, size: int, policy: Policy) -> Subscription[Value]:
        """Get what is published from now on under any of the topics; `size` is the most that may wait (1 or above)."""
        subscription = Subscription(self, topics, max(1, size), policy)
        self._subscriptions.append(subscription)
        self._takers.clear()
        return subscription

    def publish(self, topic: str, value: Value) -> None:
        """Hand a value to everybody who wants it, without waiting for anybody."""
        takers = self._takers.get(topic)
        if takers is None:
            takers = [one for one in self._subscriptions if any(_matches(name, topic) for name in one.topics)]
            self._takers[topic] = takers
        for taker in [*takers]:
            self.dropped += taker.put(topic, value)
            self.disconnected += taker.disconnected

    def forget(self, subscription: Subscription[Value]) -> None:
        """Take a subscription off every topic."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._takers.clear()

    def depth(self) -> int:
        """The longest queue of all: how far the slowest subscriber is behind."""
        return max((len(one) for one in self._subscriptions), default=0)


def _matches(wanted: str, topic: str) -> bool:
    return topic.startswith(wanted[:-1]) if wanted.endswith("*") else topic == wanted
