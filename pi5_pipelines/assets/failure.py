"""How a step says what went wrong: one line with what, where and how to mend it, not a page of stack."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.errors import LakeLockedError, Pi5Error, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What may be different a minute later; all else stays wrong however often it is tried.
PASSING = (SourceError, LakeLockedError)


@contextmanager
def plain_failure() -> Iterator[None]:
    """Turn a Pi5Error into the step's failure: its line as the description, its parts as metadata."""
    try:
        yield
    except Pi5Error as error:
        raise dg.Failure(
            description=str(error),
            metadata={"what": error.what, "where": error.where, "hint": error.hint},
            allow_retries=isinstance(error, PASSING),
        ) from error
