"""A sweep's page as text: its words, its choice, its neighbours, its numbers, and what it refuses."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from pi5_pipelines.errors import DataRangeError, UnknownNameError
from pi5_pipelines.report import sweep
from pi5_pipelines.report.rendering import number
from pi5_pipelines.report.sweep import checked, classes, render_sweep, words

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT: dict[str, Any] = {"strategy": "sma_cross", "symbols": ["GOOG"]}
PARAMS = ["fast", "slow"]


def numbers(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="payload">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def column(page: str, name: str) -> list[float]:
    values: list[float] = np.frombuffer(base64.b64decode(numbers(page)["columns"][name]), dtype="<f4").tolist()
    return values


def frame_of(points: Mapping[tuple[int, int], float | None]) -> pl.DataFrame:
    rows = [
        {"fast": fast, "slow": slow, "return_pct": 1.0, "sharpe": one, "max_drawdown_pct": -5.0, "trades": 3}
        for (fast, slow), one in points.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"sharpe": pl.Float64})


def test_the_best_comes_first_and_what_is_undefined_last(grid: pl.DataFrame) -> None:
    page = render_sweep(grid.sample(fraction=1.0, shuffle=True, seed=1), PARAMS, DOCUMENT)
    sharpe = column(page, "sharpe")
    assert len(sharpe) == grid.height
    assert sharpe == sorted(sharpe, reverse=True)
    assert sharpe == pytest.approx(sorted(grid["sharpe"].to_list(), reverse=True), rel=1e-6)
    assert numbers(page)["chosen"] == 0
    holed = frame_of({(1, 2): None, (1, 3): 0.5, (2, 3): math.nan, (2, 4): 0.7})
    assert checked(holed, PARAMS)["sharpe"].to_list() == [0.7, 0.5, None, None]


def test_another_choice_is_marked_and_compared_with_its_neighbours(grid: pl.DataFrame) -> None:
    page = render_sweep(grid, PARAMS, {**DOCUMENT, "chosen": {"fast": 10, "slow": 40}})
    at = numbers(page)["chosen"]
    assert (column(page, "fast")[at], column(page, "slow")[at]) == (10.0, 40.0)
    own = grid.filter((pl.col("fast") == 10) & (pl.col("slow") == 40))["sharpe"][0]
    around = grid.filter(
        ((pl.col("fast") == 10) & pl.col("slow").is_in([30, 50]))
        | (pl.col("fast").is_in([5, 15]) & (pl.col("slow") == 40))
    )["sharpe"]
    assert around.len() == 4
    text = re.sub(r"\s+", " ", page)
    assert f"The chosen point, fast 10, slow 40: Sharpe {number(own)}" in text
    assert f"have {number(around.mean())} in the mean and {number(around.min())} at the lowest" in text  # type: ignore[arg-type]


def test_words_count_what_earned_and_name_the_middle() -> None:
    frame = frame_of({(1, 2): 0.5, (1, 3): 0.1, (2, 3): -0.4}).with_columns(return_pct=pl.Series([5.0, -1.0, 2.0]))
    page = render_sweep(frame, PARAMS, DOCUMENT)
    assert "2 of 3 combinations earned something; the middle one has a Sharpe ratio of 0.10, the best of 0.50." in page
    assert "some of its lead is luck" in page


def test_combinations_that_never_traded_have_a_page_without_a_point() -> None:
    frame = frame_of({(1, 2): None, (1, 3): math.nan})
    page = render_sweep(frame, PARAMS, DOCUMENT)
    assert "No combination has a Sharpe ratio" in page
    assert numbers(page)["classes"] == {"edges": [], "counts": []}


@pytest.mark.parametrize(
    ("frame", "params", "document", "error", "told"),
    [
        (frame_of({(1, 2): 1.0}).clear(), PARAMS, DOCUMENT, DataRangeError, "no combinations"),
        (frame_of({(1, 2): 1.0}).drop("sharpe"), PARAMS, DOCUMENT, UnknownNameError, "no column sharpe"),
        (frame_of({(1, 2): 1.0}), ["fast", "slwo"], DOCUMENT, UnknownNameError, "no column slwo"),
        (frame_of({(1, 2): 1.0}), [], DOCUMENT, UnknownNameError, "no column of a parameter"),
        (frame_of({(1, 2): 1.0}), PARAMS, {**DOCUMENT, "chosen": {"fast": 9, "slow": 2}}, UnknownNameError, "fast 9"),
        (frame_of({(1, 2): 1.0}), PARAMS, {**DOCUMENT, "chosen": {"fast": 1}}, UnknownNameError, "fast 1"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    frame: pl.DataFrame, params: list[str], document: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        render_sweep(frame, params, document)


def test_classes_hold_every_combination_once() -> None:
    values = pl.Series(np.random.default_rng(1).normal(0.2, 0.5, 3_000))
    found = classes(values)
    assert sum(found["counts"]) == 3_000
    assert len(found["edges"]) == len(found["counts"]) + 1
    assert (found["edges"][0], found["edges"][-1]) == (values.min(), values.max())
    assert sum(classes(pl.Series([0.3]))["counts"]) == 1


def test_a_great_sweep_stays_below_3_mb_and_says_what_it_leaves_out() -> None:
    rng = np.random.default_rng(2)
    points = list(itertools.product(range(250), range(200)))
    frame = pl.DataFrame(
        {
            "a": [float(a) for a, _ in points],
            "b": [b / 7.0 for _, b in points],
            "sharpe": rng.normal(0.0, 1.0, len(points)),
            "return_pct": rng.normal(0.0, 90.0, len(points)),
            "max_drawdown_pct": -rng.uniform(1.0, 90.0, len(points)),
            "trades": rng.integers(0, 400, len(points)),
            **{f"figure_{number}": rng.normal(0.0, 1.0, len(points)) for number in range(10)},
        }
    )
    worst = frame.sort("sharpe").row(0, named=True)
    page = render_sweep(frame, ["a", "b"], {**DOCUMENT, "chosen": {"a": worst["a"], "b": worst["b"]}})
    most = sweep.MOST_NUMBERS // 16
    assert len(page.encode()) < 3_000_000
    assert len(column(page, "sharpe")) == most + 1
    assert numbers(page)["chosen"] == most
    assert sum(numbers(page)["classes"]["counts"]) == len(points)
    assert "A heading sorts the best 25,001; a row marks its point in the charts. The map shows no others." in page


def test_the_same_sweep_gives_the_same_bytes(grid: pl.DataFrame) -> None:
    assert render_sweep(grid, PARAMS, DOCUMENT) == render_sweep(grid, PARAMS, dict(reversed(DOCUMENT.items())))


def test_hostile_names_are_text() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    frame = frame_of({(1, 2): 1.0, (2, 2): 0.5}).rename({"fast": evil}).with_columns(pl.lit(2.0).alias(f"{evil}2"))
    honesty = {"level": evil, "sentences": [evil], "figures": {evil: evil}}
    page = render_sweep(
        frame, [evil, "slow"], {"strategy": evil, "symbols": [evil], "start": evil, "end": evil, "honesty": honesty}
    )
    assert "<img" not in page
    assert page.count("</script>") == 4


def test_words_without_neighbours_stop_at_the_best() -> None:
    from pi5_pipelines.analysis.neighbours import Neighbourhood

    told = words(checked(frame_of({(1, 2): 1.0}), PARAMS), Neighbourhood(1.0, 1, 1, ()))
    assert told.endswith("some of its lead is luck.")
