"""What waits for one client: nothing is lost while little waits, states are conflated, and there is an end."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.api.outbox import SLOW, Ended, Outbox


async def drained(outbox: Outbox) -> list[str]:
    return [await outbox.next() for _ in range(len(outbox))]


def test_while_little_waits_every_value_of_a_state_is_kept() -> None:
    outbox = Outbox(keep_all=4)
    for number in range(4):
        outbox.put(str(number), ("orders", "a"))
    assert asyncio.run(drained(outbox)) == ["0", "1", "2", "3"]
    assert outbox.conflated == 0


def test_beyond_that_the_latest_value_takes_the_place_of_the_one_before() -> None:
    outbox = Outbox(keep_all=2)
    for number in range(5):
        outbox.put(f"a{number}", ("prices", "a"))
    outbox.put("b0", ("prices", "b"))
    assert asyncio.run(drained(outbox)) == ["a0", "a4", "b0"]
    assert outbox.conflated == 3


def test_what_is_no_state_is_never_left_out() -> None:
    outbox = Outbox(keep_all=1, most=10)
    for number in range(10):
        outbox.put(str(number))
    assert asyncio.run(drained(outbox)) == [str(number) for number in range(10)]


@pytest.mark.parametrize("outbox", [Outbox(most=3), Outbox(most_bytes=30)])
def test_a_client_for_whom_too_much_waits_is_cut_off(outbox: Outbox) -> None:
    for _ in range(4):
        outbox.put("x" * 10)
    assert len(outbox) == 0
    outbox.put("later")
    with pytest.raises(Ended) as ended:
        asyncio.run(outbox.next())
    assert ended.value.end is SLOW


@given(
    puts=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=60),
    takes=st.lists(st.integers(0, 5), max_size=60),
    keep_all=st.integers(0, 8),
)
def test_numbers_rise_and_the_latest_value_of_each_state_arrives(
    puts: list[tuple[str, bool]], takes: list[int], keep_all: int
) -> None:
    async def run() -> list[tuple[int, str, bool]]:
        outbox = Outbox(keep_all=keep_all, most=1_000)
        got: list[str] = []
        for number, (key, is_state) in enumerate(puts):
            outbox.put(f"{number} {key} {is_state}", ("t", key) if is_state else None)
            taken = min(len(outbox), takes[number] if number < len(takes) else 0)
            got += [await outbox.next() for _ in range(taken)]
        got += await drained(outbox)
        assert len(got) + outbox.conflated == len(puts)
        return [(int(text.split()[0]), text.split()[1], text.endswith("True")) for text in got]

    got = asyncio.run(run())
    numbers = [number for number, _, _ in got]
    assert numbers == sorted(set(numbers))
    sent = [(number, key, is_state) for number, (key, is_state) in enumerate(puts)]
    assert {one for one in sent if not one[2]} <= set(got)
    for key in "abc":
        latest = [one for one in sent if one[1] == key and one[2]]
        assert not latest or latest[-1] in got
