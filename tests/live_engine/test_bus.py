"""The bus never waits: who is slow gets the latest values or is let go, and what was lost is counted."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from live_engine.bus import Bus, Subscription


async def drained(subscription: Subscription[int]) -> list[tuple[str, int]]:
    subscription.close()
    return [item async for item in subscription]


def test_everybody_who_wants_a_topic_gets_it_in_order() -> None:
    async def run() -> None:
        bus = Bus[int]()
        one = bus.subscribe(["bars.A.1d"], size=10, policy="conflate")
        family = bus.subscribe(["bars.*", "ticks.A"], size=10, policy="disconnect")
        for topic, value in [("bars.A.1d", 1), ("bars.B.1d", 2), ("ticks.A", 3), ("ticks.B", 4), ("bars.A.1d", 5)]:
            bus.publish(topic, value)
        assert await drained(one) == [("bars.A.1d", 1), ("bars.A.1d", 5)]
        assert await drained(family) == [("bars.A.1d", 1), ("bars.B.1d", 2), ("ticks.A", 3), ("bars.A.1d", 5)]
        bus.publish("bars.A.1d", 6)
        assert len(one) == bus.dropped == bus.disconnected == 0

    asyncio.run(run())


def test_a_slow_one_that_conflates_gets_the_latest_of_each_topic() -> None:
    async def run() -> None:
        bus = Bus[int]()
        slow = bus.subscribe(["*"], size=3, policy="conflate")
        for value, topic in enumerate("aabab"):
            bus.publish(topic, value)
        assert await drained(slow) == [("b", 2), ("a", 3), ("b", 4)]
        assert slow.dropped == bus.dropped == 2

    asyncio.run(run())


def test_with_more_topics_than_room_the_quietest_goes() -> None:
    async def run() -> None:
        bus = Bus[int]()
        slow = bus.subscribe(["*"], size=2, policy="conflate")
        for value, topic in enumerate("abac"):
            bus.publish(topic, value)
        assert await drained(slow) == [("a", 2), ("c", 3)]
        assert slow.dropped == 2

    asyncio.run(run())


def test_a_slow_one_that_must_miss_nothing_is_disconnected_and_the_others_go_on() -> None:
    async def run() -> None:
        bus = Bus[int]()
        slow = bus.subscribe(["a"], size=2, policy="disconnect")
        fast = bus.subscribe(["a"], size=9, policy="disconnect")
        for value in range(5):
            bus.publish("a", value)
        assert [item async for item in slow] == []
        assert (slow.disconnected, slow.dropped) == (True, 3)
        assert (bus.disconnected, bus.dropped, bus.depth()) == (1, 3, 5)
        assert await drained(fast) == [("a", value) for value in range(5)]

    asyncio.run(run())


def test_one_who_waits_is_woken_by_news_and_by_the_end() -> None:
    async def run() -> None:
        bus = Bus[int]()
        subscription = bus.subscribe(["a"], size=2, policy="conflate")
        found: list[tuple[str, int]] = []

        async def read() -> None:
            async for item in subscription:
                found.append(item)  # noqa: PERF401 - what was found so far is looked at

        reader = asyncio.create_task(read())
        for value in range(50):
            bus.publish("a", value)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert found == [("a", value) for value in range(50)]
        subscription.close()
        await asyncio.wait_for(reader, 5)

    asyncio.run(run())


@given(
    topics=st.lists(st.sampled_from("abcde"), max_size=80),
    size=st.integers(1, 6),
    reads=st.lists(st.integers(0, 80), max_size=30),
)
def test_what_was_published_is_received_in_order_or_counted_as_dropped(
    topics: list[str], size: int, reads: list[int]
) -> None:
    async def run() -> None:
        bus = Bus[int]()
        subscription = bus.subscribe(["*"], size=size, policy="conflate")
        received: list[tuple[str, int]] = []
        for value, topic in enumerate(topics):
            bus.publish(topic, value)
            assert len(subscription) <= size
            for _ in range(min(reads.count(value), len(subscription))):
                received += [await anext(subscription)]
        received += await drained(subscription)
        values = [value for _, value in received]
        assert values == sorted(values)
        assert len(received) + subscription.dropped == len(topics)
        if topics:
            assert received[-1] == (topics[-1], len(topics) - 1)

    asyncio.run(run())
