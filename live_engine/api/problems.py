"""What the API answers when it does not do what was asked: problem documents of RFC 9457, each with a hint."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from live_engine.errors import LiveEngineError

MEDIA_TYPE = "application/problem+json"
TYPES = "tag:pi5.local,2026:"  # RFC 4151: names that nobody needs to be able to fetch


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 members; of our own are `hint`, how to mend it, and `rule`, the risk rule that said no."""

    type: str
    title: str
    status: int
    detail: str
    hint: str
    instance: str = ""
    rule: str = ""


class Refused(Exception):  # noqa: N818 - an answer, not an error of the program
    """Ends a call with a problem document; `name` is the last part of the document's type."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        hint: str,
        *,
        rule: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.hint = hint
        self.rule = rule
        self.headers = dict(headers or {})

    def problem(self, instance: str) -> Problem:
        """The document; `instance` is the path that was called, without its query."""
        return Problem(
            type=TYPES + self.name,
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            hint=self.hint,
            instance=instance,
            rule=self.rule,
        )


def not_found(what: str, hint: str) -> Refused:
    """404: there is no such thing."""
    return Refused(404, "not-found", what, hint)


def invalid(what: str, hint: str) -> Refused:
    """422: readable, and not what is taken here."""
    return Refused(422, "invalid-request", what, hint)


def unavailable(error: LiveEngineError) -> Refused:
    """503: the engine cannot do it now. Where on the disk it happened is not told to the outside."""
    return Refused(503, "unavailable", error.what, error.hint, headers={"Retry-After": "5"})


def unexpected() -> Refused:
    """500: an error of ours; what it was stands in the log alone."""
    return Refused(500, "internal-error", "the engine met an error of its own", "its log names it; report it")
