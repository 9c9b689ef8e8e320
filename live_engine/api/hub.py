"""All streams of news at once: each update gets its topic's next `seq` and is encoded once, however many listen.

Updates that nobody listens to may have no `seq`: whoever comes then begins with a snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.api.desk import STATES, TOPICS, Topic
from live_engine.events import encoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from live_engine.api.desk import Desk, Update
    from live_engine.api.outbox import Outbox


class News(msgspec.Struct, frozen=True):
    """One update of a topic."""

    topic: str
    seq: int
    key: str
    data: object


class Item(msgspec.Struct, frozen=True):
    """One key of a snapshot."""

    key: str
    data: object


class Snapshot(msgspec.Struct, frozen=True):
    """All that a topic holds; the first update after it has the next `seq`."""

    topic: str
    seq: int
    snapshot: list[Item]


class Hub:
    """Between a desk and the clients' outboxes. One event loop, no threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seqs: dict[Topic, int] = dict.fromkeys(TOPICS, 0)
        self._outboxes: dict[Topic, dict[Outbox, None]] = {topic: {} for topic in TOPICS}
        self.close = desk.listen(self._on_update, lambda topic: bool(self._outboxes[topic]))

    def subscribe(self, outbox: Outbox, topics: Iterable[Topic]) -> None:
        """Send a snapshot of each topic, and every update from then on: nothing can happen in between."""
        for topic in dict.fromkeys(topics):
            items = [Item(key, data) for key, data in self._desk.snapshot(topic)]
            outbox.put(encoder.encode(Snapshot(topic, self._seqs[topic], items)).decode())
            self._outboxes[topic][outbox] = None

    def unsubscribe(self, outbox: Outbox, topics: Iterable[Topic] = TOPICS) -> None:
        """Send no more of some topics."""
        for topic in topics:
            self._outboxes[topic].pop(outbox, None)

    def _on_update(self, update: Update) -> None:
        topic = update.topic
        self._seqs[topic] += 1
        outboxes = self._outboxes[topic]
        if outboxes:
            text = encoder.encode(News(topic, self._seqs[topic], update.key, update.data)).decode()
            state = (topic, update.key) if topic in STATES else None
            for outbox in outboxes:
                outbox.put(text, state)
