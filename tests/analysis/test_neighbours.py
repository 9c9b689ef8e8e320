"""The points next to a point, on whole grids, on grids with holes, and where there are none."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from pi5_pipelines.analysis.neighbours import Step, neighbourhood

GRID = pl.DataFrame(
    [{"a": float(a), "b": float(b), "sharpe": (10 * a + b) / 100} for a, b in itertools.product((1, 2, 5), (1, 3))]
)


def test_a_point_inside_has_a_step_down_and_a_step_up() -> None:
    found = neighbourhood(GRID, ["a", "b"], {"a": 2.0, "b": 3.0}, "sharpe")
    assert found.figure == pytest.approx(0.23)
    assert found.steps == (Step("a", 1.0, 0.13), Step("a", 5.0, 0.53), Step("b", 1.0, 0.21))
    assert found.mean == pytest.approx((0.13 + 0.53 + 0.21) / 3)
    assert found.lowest == 0.13
    assert (found.rank, found.points) == (3, 6)


def test_a_hole_is_stepped_over() -> None:
    holed = GRID.filter(~((pl.col("a") == 2.0) & (pl.col("b") == 3.0)))
    found = neighbourhood(holed, ["a", "b"], {"a": 1.0, "b": 3.0}, "sharpe")
    assert found.steps == (Step("a", 5.0, 0.53), Step("b", 1.0, 0.11))


def test_an_undefined_figure_is_none_and_no_neighbour_s_mean() -> None:
    frame = GRID.with_columns(sharpe=pl.when(pl.col("a") == 1.0).then(float("nan")).otherwise(pl.col("sharpe")))
    found = neighbourhood(frame, ["a", "b"], {"a": 2.0, "b": 1.0}, "sharpe")
    assert found.steps[0] == Step("a", 1.0, None)
    assert found.mean == pytest.approx((0.51 + 0.23) / 2)
    alone = neighbourhood(frame, ["a", "b"], {"a": 1.0, "b": 1.0}, "sharpe")
    assert (alone.figure, alone.rank) == (None, None)


def test_points_drawn_at_random_have_no_neighbours() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "sharpe": [1.0, 2.0]})
    found = neighbourhood(frame, ["a", "b"], {"a": 1.0, "b": 3.0}, "sharpe")
    assert found.steps == ()
    assert found.mean is None
    assert found.lowest is None
    assert found.rank == 2
