"""The line that says how time grows, and the drawing of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from types import ModuleType

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "scaling_plot.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaling_plot", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


plot: Any = load()


@given(fixed=st.floats(0.0, 10.0), each=st.floats(1e-8, 1e-2))
def test_points_on_a_line_give_that_line(fixed: float, each: float) -> None:
    found = plot.fit([(n, fixed + each * n) for n in (100.0, 1_000.0, 10_000.0, 100_000.0)])
    assert found.each == pytest.approx(each, rel=1e-3)
    assert found.fixed == pytest.approx(fixed, rel=1e-6, abs=100 * each)
    assert found.worst < 1e-3


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_exponent_tells_a_line_from_a_square(power: float) -> None:
    found = plot.fit([(n, 1e-9 * n**power) for n in (100.0, 1_000.0, 10_000.0)])
    assert found.exponent == pytest.approx(power)
    assert (found.worst < 0.01) == (power == 1.0)


def test_the_drawing_holds_every_point_and_both_titles() -> None:
    points = tuple((10.0**n, 2e-4 * 10.0**n) for n in range(2, 6))
    root = ET.fromstring(plot.draw([plot.Series("Bars <1>", "bar", points), plot.Series("Sweep", "row", points)]))  # noqa: S314 - our own
    names = [child.tag.rpartition("}")[2] for child in root.iter()]
    assert names.count("circle") == 8
    assert names.count("polyline") == 2
    texts = {child.text for child in root.iter() if child.tag.endswith("text")}
    assert {"Bars <1>", "Sweep", "bars", "rows"} <= texts
    assert any("last exponent 1.00" in str(text) for text in texts)
