"""Which combinations a sweep tries: ranges, conditions, draws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.axes import parse_axis
from pi5_pipelines.sweep.space import make_space
from pi5_pipelines.sweep.where import holds, parse_where
from trading import strategies

SMA, RSI = strategies.find("sma_cross"), strategies.find("rsi_mean_reversion")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=2:6:2", [2, 4, 6]),
        ("a=2:5:2", [2, 4]),
        ("a=2:4", [2, 3, 4]),
        ("a=0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("a=7,3,5", [7, 3, 5]),
        ("a=-1:1:0.5", [-1, -0.5, 0, 0.5, 1]),
        (" a = 4 ", [4]),
        ("a=1e3", [1000]),
    ],
)
def test_a_range_holds_the_numbers_as_they_are_written(text: str, values: list[float]) -> None:
    assert list(parse_axis(text).values) == values


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a=",
        "=3",
        "a=x",
        "a=1:2:0",
        "a=1:2:-1",
        "a=5:2:1",
        "a=1:2:3:4",
        "a=nan",
        "a=inf",
        "a=1,1",
        "a=1:1e9:1",
        "a=1:2:1e-99",
        "a=1:inf:1",
        "a=1e999",
        "a=,",
    ],
)
def test_what_is_no_range_is_refused_naming_it(text: str) -> None:
    with pytest.raises(SweepError) as caught:
        parse_axis(text)
    assert caught.value.where == f"--param {text}"
    assert caught.value.hint


def every(*params: str, where: str | None = None) -> list[tuple[float, ...]]:
    space = make_space(SMA, params, where)
    _, rows = space.rows(np.arange(space.size, dtype=np.int64))
    return [tuple(row) for row in rows.tolist()]


def test_combinations_come_in_the_order_of_the_parameters_given_and_the_last_changes_fastest() -> None:
    assert every("slow=30:50:10", "fast=2,5") == [(f, s) for s, f in itertools.product((30, 40, 50), (2, 5))]


def test_the_strategys_own_order_is_kept() -> None:
    assert every("fast=10:30:10", "slow=20:30:10") == [(10, 20), (10, 30), (20, 30)]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("fast * 2 < slow", lambda f, s: f * 2 < s),
        ("not (fast > 3 and slow <= 20) or slow == 12", lambda f, s: not (f > 3 and s <= 20) or s == 12),
        ("2 < fast <= 4", lambda f, _: 2 < f <= 4),
        ("-fast + slow / 2 >= 5 - 1.5", lambda f, s: -f + s / 2 >= 3.5),
        ("slow != 15 and 1 < 2", lambda _, s: s != 15),
    ],
)
def test_a_condition_means_what_python_means(where: str, kept: object) -> None:
    assert callable(kept)
    pairs = itertools.product(range(1, 6), range(10, 31))
    assert every("fast=1:5", "slow=10:30", where=where) == [(f, s) for f, s in pairs if kept(f, s)]


@pytest.mark.parametrize(
    "where",
    [
        "",
        "fast",
        "fast + 1",
        "quick < slow",
        "fast < ",
        "__import__('os')",
        "fast.real < 1",
        "fast < 'a'",
        "fast ** 2 < 3",
        "(lambda: 1)() < 2",
        "fast < slow if 1 else 2",
        "[fast][0] < 2",
        "fast in (1, 2)",
        "fast < True",
        "fast and slow",
        "(fast < 2) + 1 < 3",
        "fast < 1e999",
        "fast < 10**400",
        "fast // 2 < 3",
        "f'{fast}' < 1",
        "x" * 2000,
        "(" * 900,
        "fast < slow; 1",
        "fast := 3",
        "fast < (yield)",
        "fast is slow",
        "print(1) < 2",
        "fast % 2 == 0",
    ],
)
def test_a_condition_lets_nothing_else_through(where: str) -> None:
    with pytest.raises(SweepError) as caught:
        make_space(SMA, ["fast=1:5", "slow=10:30"], where)
    assert str(caught.value).count("\n") == 0


@given(st.integers(0, 5), st.integers(0, 5))
def test_dividing_by_zero_is_no_error(fast: int, slow: int) -> None:
    tree = parse_where("fast / slow > 1", ["fast", "slow"])
    found = holds(tree, {"fast": np.array([float(fast)]), "slow": np.array([float(slow)])})
    assert found.tolist() == [fast > slow if slow else fast > 0]


def test_numbers_turn_into_the_same_parameters_one_by_one_or_together() -> None:
    space = make_space(RSI, ["low=1:9:0.5", "period=2:6", "exit=55,60"], "low + period < 10")
    numbers, rows = space.rows(np.arange(space.size, dtype=np.int64))
    assert 0 < numbers.size < space.size == 17 * 5 * 2
    for number, row in zip(numbers, rows, strict=True):
        assert space.params(np.array([number]))[0].tolist() == row.tolist()
    assert rows[0].tolist() == [2.0, 1.0, 55.0, 200.0]  # period, low, exit, trend in the strategy's order


def test_a_draw_is_repeatable_without_repeats_and_within_the_condition() -> None:
    small, large = (
        make_space(SMA, ["fast=2:9", "slow=10:99"], "fast < 5"),
        make_space(SMA, ["fast=1:999", "slow=2:9999"], None),
    )
    for space, trials in ((small, 50), (large, 5_000)):
        drawn = space.draw(trials, seed=7)
        assert drawn.tolist() == sorted(set(drawn.tolist())) == space.draw(trials, seed=7).tolist()
        assert drawn.size == trials
        assert space.rows(drawn)[0].size == trials
        assert drawn.tolist() != space.draw(trials, seed=8).tolist()
    assert small.draw(10_000, seed=1).size == 3 * 90


def test_too_many_combinations_are_refused() -> None:
    with pytest.raises(SweepError, match="more than"):
        make_space(RSI, ["low=0:49:0.0001", "exit=50:99:0.0001", "trend=2:9999:1"], None)


def test_a_value_that_the_strategy_refuses_is_named() -> None:
    with pytest.raises(SweepError, match=r"fast=2\.5 must be a whole number"):
        make_space(SMA, ["fast=2:3:0.5"], None)
    with pytest.raises(SweepError, match="must lie between"):
        make_space(SMA, ["fast=0:3:1"], None)
    with pytest.raises(SweepError, match="no such parameter"):
        make_space(SMA, ["quick=2:3:1"], None)
    with pytest.raises(SweepError, match="given twice"):
        make_space(SMA, ["fast=2", "fast=3"], None)
