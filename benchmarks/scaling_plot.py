"""Draws how time grows with the amount of work: a panel a series, both axes logarithmic, with the fitted line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT, GAP = 440, 320, 20
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 46, 46
INK, FAINT, POINT, LINE = "#1f2933", "#d5dbe1", "#0b6bcb", "#e4572e"


@dataclass(frozen=True, slots=True)
class Fit:
    """seconds = fixed + each * amount; `worst` is the largest part by which a point lies off it.

    `exponent` is that of the power law through the last two points: 1 where twice the work takes twice the time.
    """

    fixed: float
    each: float
    worst: float
    exponent: float

    def at(self, amount: float) -> float:
        """The seconds that the line says."""
        return self.fixed + self.each * amount


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds by amount, in rising order."""

    title: str
    unit: str
    points: tuple[tuple[float, float], ...]


def fit(points: Sequence[tuple[float, float]]) -> Fit:
    """Least squares of relative errors (weights 1 / seconds^2), with no fixed part below zero."""
    weights = [1.0 / seconds**2 for _, seconds in points]
    total = sum(weights)
    x = sum(w * n for w, (n, _) in zip(weights, points, strict=True)) / total
    y = sum(w * s for w, (_, s) in zip(weights, points, strict=True)) / total
    across = sum(w * (n - x) * (s - y) for w, (n, s) in zip(weights, points, strict=True))
    each = across / sum(w * (n - x) ** 2 for w, (n, _) in zip(weights, points, strict=True))
    fixed = y - each * x
    if fixed < 0.0:
        both = sum(w * n * s for w, (n, s) in zip(weights, points, strict=True))
        fixed, each = 0.0, both / sum(w * n * n for w, (n, _) in zip(weights, points, strict=True))
    worst = max(abs(seconds / (fixed + each * amount) - 1.0) for amount, seconds in points)
    (before, short), (last, long) = points[-2:]
    return Fit(fixed, each, worst, math.log(long / short) / math.log(last / before))


def draw(panels: Sequence[Series]) -> str:
    """An SVG page with the panels side by side."""
    width = len(panels) * WIDTH + (len(panels) - 1) * GAP
    size = f'width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for place, one in enumerate(panels):
        parts += [f'<g transform="translate({place * (WIDTH + GAP)} 0)">', *_panel(one), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(series: Series) -> list[str]:
    line = fit(series.points)
    amounts, seconds = ([point[axis] for point in series.points] for axis in (0, 1))
    low_x, high_x = math.log10(amounts[0]) - 0.1, math.log10(amounts[-1]) + 0.1
    low_y, high_y = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))

    def x(amount: float) -> float:
        return LEFT + (math.log10(amount) - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 20, series.title, "start", weight="600")]
    each = f"{_short(line.each)} a {series.unit}"
    said = f"{line.fixed * 1e3:.3g} ms + {each}; last exponent {line.exponent:.2f}"
    parts.append(_text(LEFT, 36, said, "start", LINE))
    for power in range(low_y, high_y + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{FAINT}"/>')
        parts.append(_text(LEFT - 6, at + 4, _short(10.0**power), "end"))
    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{FAINT}"/>')
        parts.append(_text(at, HEIGHT - BOTTOM + 16, f"{10**power:,}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, f"{series.unit}s", "middle"))
    steps = 40
    exponents = [low_x + (high_x - low_x) * step / steps for step in range(steps + 1)]
    curve = [(x(10.0**one), y(line.at(10.0**one))) for one in exponents]
    drawn = " ".join(f"{one:.1f},{other:.1f}" for one, other in curve if TOP <= other <= HEIGHT - BOTTOM)
    parts.append(f'<polyline points="{drawn}" fill="none" stroke="{LINE}" stroke-width="1.5"/>')
    parts += [f'<circle cx="{x(n):.1f}" cy="{y(s):.1f}" r="3.5" fill="{POINT}"/>' for n, s in series.points]
    return parts


def _text(x: float, y: float, text: str, anchor: str, colour: str = INK, weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )


def _short(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.2g} ns"
