"""Answers and problems as HTTP responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from live_engine.api.problems import MEDIA_TYPE
from live_engine.events import encoder

if TYPE_CHECKING:
    from live_engine.api.operation import Answer
    from live_engine.api.problems import Refused


def response_of(answer: Answer) -> Response:
    """A body that is a text goes out as it is, any other as JSON."""
    content = answer.body if isinstance(answer.body, str) else encoder.encode(answer.body)
    return Response(content, answer.status, dict(answer.headers), answer.media_type)


def problem_response(refused: Refused, path: str) -> Response:
    """The problem document of a refusal; `path` is what was called."""
    document = encoder.encode(refused.problem(path[:200]))
    return Response(document, refused.status, refused.headers, MEDIA_TYPE)
