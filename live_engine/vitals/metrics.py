"""Counters, gauges and histograms, and their text for Prometheus (format 0.0.4).

Some eighty lines in place of the usual client library, whose import takes 5.5 MB of the engine's 60. A figure that is
not known has no sample: zero would be a lie, and NaN is read by many as one.

Label values must have a bound, because every one of them is a series that is kept for good. A counter sees to it: what
comes after its first MOST_SERIES is counted under "other".
"""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_SERIES = 200
OTHER = "other"
Number: TypeAlias = int | float | Decimal


class Counter:
    """Something that only rises, by its labels; without labels it begins at 0."""

    kind = "counter"

    def __init__(self, name: str, told: str, labels: Sequence[str] = ()) -> None:
        self.name, self.told, self.labels = name, told, tuple(labels)
        self._counts: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        """Count; `values` are those of the labels, in their order."""
        if values not in self._counts and len(self._counts) >= MOST_SERIES:
            values = (OTHER,) * len(values)
        self._counts[values] = self._counts.get(values, 0) + by

    def samples(self) -> Iterable[str]:
        """Its lines."""
        for values, count in sorted(self._counts.items()):
            yield f"{self.name}{_labelled(self.labels, values)} {_number(count)}"


class Gauge:
    """How something stands: one number, or several by one label; what is None is left out."""

    kind = "gauge"

    def __init__(self, name: str, told: str, value: Number | None) -> None:
        self.name, self.told = name, told
        self._values: list[tuple[str, Number | None]] = [("", value)]

    @classmethod
    def by(cls, label: str, name: str, told: str, values: Mapping[str, Number | None]) -> Gauge:
        """One with a label; of values without a bound, the caller chooses."""
        gauge = cls(name, told, None)
        gauge._values = [(_labelled((label,), (key,)), value) for key, value in values.items()]
        return gauge

    def samples(self) -> Iterable[str]:
        """Its lines."""
        return [f"{self.name}{labels} {_number(value)}" for labels, value in self._values if value is not None]


class Histogram:
    """How often something was at most as large as each of `bounds` (rising), how often in all, and its sum."""

    kind = "histogram"

    def __init__(self, name: str, told: str, bounds: Sequence[float]) -> None:
        self.name, self.told = name, told
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self) -> Iterable[str]:
        """Its lines."""
        below = 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            below += count
            yield f'{self.name}_bucket{{le="{_number(bound)}"}} {below}'
        yield f"{self.name}_sum {_number(self._sum)}"
        yield f"{self.name}_count {below}"


Figure = Counter | Gauge | Histogram


def text(figures: Iterable[Figure]) -> str:
    """All figures that have samples, each with its HELP and TYPE, ending with a line break."""
    lines: list[str] = []
    for figure in figures:
        samples = list(figure.samples())
        if samples:
            told = figure.told.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {figure.name} {told}", f"# TYPE {figure.name} {figure.kind}", *samples]
    return "".join(f"{line}\n" for line in lines)


def _labelled(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: Number) -> str:
    if isinstance(value, int):
        return str(int(value))  # True is 1
    number = float(value)
    if math.isfinite(number):
        return repr(number).removesuffix(".0")
    return "NaN" if math.isnan(number) else ("+Inf" if number > 0 else "-Inf")
