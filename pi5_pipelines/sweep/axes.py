"""The values that one parameter takes in a sweep, as the user writes them: a range, a list, or a single number."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING

from pi5_pipelines.errors import SweepError
from trading.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.strategy import Strategy

MAX_VALUES = 1_000_000
MAX_COMBINATIONS = 10**12
MAX_DIGITS = 30  # after the point
FORM = "write NAME=LOW:HIGH:STEP, NAME=A,B,C or NAME=VALUE"


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter, and its values in the order they are tried."""

    name: str
    values: array[float]


def parse_axis(text: str) -> Axis:
    """`fast=2:50:1` (HIGH included when a step hits it), `fast=2,5,9` or `fast=10`; raises SweepError."""
    name, equals, values = (part.strip() for part in text.partition("="))
    where = f"--param {text}"
    if not equals or not name or not values:
        raise SweepError("not of the form NAME=VALUES", where=where, hint=FORM)
    if ":" in values:
        return Axis(name, _range([_number(part, where) for part in values.split(":")], where))
    listed = [float(_number(part, where)) for part in values.split(",")]
    if len(set(listed)) < len(listed):
        raise SweepError("a value is given twice", where=where, hint="name each value once")
    return Axis(name, array("d", listed))


def _number(text: str, where: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise SweepError(f"{text.strip()!r} is not a number", where=where, hint=FORM) from error
    if not number.is_finite() or not isfinite(float(number)) or int(number.as_tuple().exponent) < -MAX_DIGITS:
        raise SweepError(f"{text.strip()!r} is not a number that a sweep can take", where=where, hint=FORM)
    return number


def _range(parts: Sequence[Decimal], where: str) -> array[float]:
    """The numbers of a range, each the nearest float to its decimal: 0.1:0.3:0.1 holds 0.3 itself."""
    if len(parts) not in {2, 3}:
        raise SweepError("a range has a low, a high and a step", where=where, hint=FORM)
    low, high, step = (*parts, Decimal(1))[:3]
    if step <= 0:
        raise SweepError(f"the step is {step}", where=where, hint="give a step above 0")
    if low > high:
        raise SweepError(f"{low} is above {high}", where=where, hint="write the lower end first")
    if (high - low) / step >= MAX_VALUES:
        raise SweepError(f"more than {MAX_VALUES:,} values", where=where, hint="use a larger step, or several sweeps")
    count = int((high - low) // step) + 1
    # Whole numbers over a power of ten are divided once, so every value is rounded once.
    digits = max(0, *(-int(part.as_tuple().exponent) for part in (low, step)))
    scale = 10**digits
    first, stride = int(low * scale), int(step * scale)
    return array("d", ((first + place * stride) / scale for place in range(count)))


def axes_of(strategy: Strategy, texts: Sequence[str]) -> tuple[Axis, ...]:
    """An axis for each parameter that is given, in that order, then the others at their defaults; raises SweepError."""
    axes: dict[str, Axis] = {}
    known = {parameter.name: parameter for parameter in strategy.parameters}
    for text in texts:
        axis = parse_axis(text)
        where = f"--param {text}"
        if axis.name not in known:
            offered = ", ".join(known) or "none"
            raise SweepError(f"no such parameter: {axis.name!r}", where=where, hint=f"there are: {offered}")
        if axis.name in axes:
            raise SweepError(f"{axis.name!r} is given twice", where=where, hint="give it once")
        try:
            for value in axis.values:
                known[axis.name].check(strategy.name, value)
        except StrategyError as error:
            raise SweepError(error.reason, where=where, hint="leave those values out") from error
        axes[axis.name] = axis
    for name, parameter in known.items():
        axes.setdefault(name, Axis(name, array("d", [parameter.default])))
    combinations = 1
    for axis in axes.values():
        combinations *= len(axis.values)
    if combinations > MAX_COMBINATIONS:
        raise SweepError(
            f"{combinations:,} combinations are more than {MAX_COMBINATIONS:,}",
            where=" ".join(f"--param {text}" for text in texts),
            hint="use larger steps, or --method random --trials N",
        )
    return tuple(axes.values())
