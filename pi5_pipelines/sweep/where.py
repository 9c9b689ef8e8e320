"""`--where`: a condition on the parameters, read by Python's grammar and evaluated by us alone.

Only names of parameters, numbers, comparisons, `and`, `or`, `not` and `+ - * /` are let through; nothing that the
user writes is ever executed.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import SweepError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

MAX_LENGTH = 1_000
ALLOWED = "names of parameters, numbers, < <= > >= == !=, and, or, not, + - * / and brackets"

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def parse_where(text: str, names: Collection[str]) -> ast.expr:
    """The condition as a checked tree; raises SweepError naming what is not allowed."""
    if len(text) > MAX_LENGTH:
        raise SweepError(f"longer than {MAX_LENGTH} characters", where="--where", hint="write a shorter condition")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise SweepError(f"not a condition: {reason}", where=_place(text), hint=f"use {ALLOWED}") from error
    if not _is_condition(tree, names, text):
        raise SweepError("a number, not a condition", where=_place(text), hint="compare it, as in fast < slow")
    return tree


def _place(text: str) -> str:
    return f"--where {text!r}"


def _is_condition(node: ast.expr, names: Collection[str], text: str) -> bool:
    """Whether a node is true or false (else it is a number); raises SweepError for anything else."""
    if isinstance(node, ast.BoolOp):
        parts, wanted, answer = node.values, True, True
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        parts, wanted, answer = [node.operand], True, True
    elif isinstance(node, ast.Compare) and all(type(one) in COMPARISONS for one in node.ops):
        parts, wanted, answer = [node.left, *node.comparators], False, True
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        parts, wanted, answer = [node.operand], False, False
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        parts, wanted, answer = [node.left, node.right], False, False
    elif isinstance(node, ast.Constant) and type(node.value) in {int, float} and abs(node.value) < 1e300:  # noqa: PLR2004 - far from a float's end
        return False
    elif isinstance(node, ast.Name):
        if node.id not in names:
            offered = ", ".join(names) or "none"
            raise SweepError(f"no such parameter: {node.id!r}", where=_place(text), hint=f"there are: {offered}")
        return False
    else:
        raise SweepError(
            f"{ast.get_source_segment(text.strip(), node) or text!r} is not allowed",
            where=_place(text),
            hint=f"use {ALLOWED}",
        )
    for part in parts:
        if _is_condition(part, names, text) != wanted:
            kind = "a condition" if wanted else "a number"
            segment = ast.get_source_segment(text.strip(), part)
            raise SweepError(f"{segment!r} should be {kind}", where=_place(text), hint=f"use {ALLOWED}")
    return answer


def holds(node: ast.expr, values: Mapping[str, NDArray[np.float64]]) -> Any:  # noqa: ANN401 - a number or an array
    """What a tree of `parse_where` says of arrays of parameters, element by element; x / 0 is infinite or NaN."""
    import numpy as np

    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        answer = holds(node.values[0], values)
        for part in node.values[1:]:
            answer = join(answer, holds(part, values))
        return answer
    if isinstance(node, ast.Compare):
        sides = [holds(part, values) for part in (node.left, *node.comparators)]
        answer = COMPARISONS[type(node.ops[0])](sides[0], sides[1])
        for place, one in enumerate(node.ops[1:], start=1):
            answer = np.logical_and(answer, COMPARISONS[type(one)](sides[place], sides[place + 1]))
        return answer
    if isinstance(node, ast.UnaryOp):
        inner = holds(node.operand, values)
        if isinstance(node.op, ast.Not):
            return np.logical_not(inner)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        left, right = holds(node.left, values), holds(node.right, values)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return ARITHMETIC[type(node.op)](np.float64(left), right)
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    raise TypeError(type(node).__name__)
