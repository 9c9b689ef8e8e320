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
LARGEST = 1e300  # far from a float's end
ALLOWED = "names of parameters, numbers, < <= > >= == !=, and, or, not, + - * / and brackets"

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
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
    if isinstance(node, ast.Name):
        if node.id not in names:
            offered = ", ".join(names) or "none"
            raise SweepError(f"no such parameter: {node.id!r}", where=_place(text), hint=f"there are: {offered}")
        return False
    shape = _shape(node)
    if shape is None:
        raise SweepError(f"{_source(node, text)} is not allowed", where=_place(text), hint=f"use {ALLOWED}")
    parts, wanted, answer = shape
    for part in parts:
        if _is_condition(part, names, text) != wanted:
            kind = "a condition" if wanted else "a number"
            raise SweepError(f"{_source(part, text)} should be {kind}", where=_place(text), hint=f"use {ALLOWED}")
    return answer


def _source(node: ast.expr, text: str) -> str:
    return repr(ast.get_source_segment(text.strip(), node) or text)


def _shape(node: ast.expr) -> tuple[list[ast.expr], bool, bool] | None:
    """A node's parts, whether they must be conditions, and whether it is one itself; None for what is not allowed."""
    match node:
        case ast.BoolOp(values=parts):
            return parts, True, True
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd() as op, operand=operand):
            return [operand], isinstance(op, ast.Not), isinstance(op, ast.Not)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(one) in COMPARISONS for one in ops):
            return [left, *others], False, True
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return [left, right], False, False
        case ast.Constant(value=int() | float() as value) if type(value) is not bool and abs(value) < LARGEST:
            return [], False, False
    return None


def holds(node: ast.expr, values: Mapping[str, NDArray[np.float64]]) -> Any:  # noqa: ANN401 - a number or an array
    """What a tree of `parse_where` says of arrays of parameters, element by element; x / 0 is infinite or NaN."""
    import numpy as np

    parts = [holds(part, values) for part in (_shape(node) or ([],))[0]]
    answer: Any = None
    match node:
        case ast.BoolOp(op=op):
            answer = (np.logical_and if isinstance(op, ast.And) else np.logical_or).reduce(np.broadcast_arrays(*parts))
        case ast.Compare(ops=ops):
            pairs = [COMPARISONS[type(op)](left, right) for op, left, right in zip(ops, parts, parts[1:], strict=False)]
            answer = np.logical_and.reduce(np.broadcast_arrays(*pairs))
        case ast.UnaryOp(op=op):
            answer = np.logical_not(parts[0]) if isinstance(op, ast.Not) else SIGNS[type(op)](parts[0])
        case ast.BinOp(op=op):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                answer = ARITHMETIC[type(op)](np.float64(parts[0]), parts[1])
        case ast.Name(id=name):
            answer = values[name]
        case ast.Constant(value=int() | float() as value):
            answer = float(value)
    return answer
