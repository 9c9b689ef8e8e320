"""Everything that says whether the engine is well, as it stands at one moment. None: it cannot be known here."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING, Literal

import msgspec

from live_engine.events import KillAction  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping


class StreamAge(msgspec.Struct, frozen=True, kw_only=True):
    """How long a stream has been silent, whether that is too long, and whether its prices have come to their end."""

    name: str
    age_s: float
    is_stale: bool = False
    has_ended: bool = False


class ConsumerLag(msgspec.Struct, frozen=True, kw_only=True):
    """How many events somebody who reads the journal is behind, and what stopped it ("": nothing)."""

    name: str
    events: int | None
    error: str = ""


class RetentionWait(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody for whom days stay in the journal that could have gone: how far it has come, since when and how long."""

    consumer: str
    seq: int
    since: date
    days: int


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and this process in it; `pressure` is the share of 10 s in which some task waited for a resource."""

    rss_bytes: int | None = None
    memory_available_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_free_ratio: float | None = None
    temperature_c: float | None = None
    undervoltage: bool | None = None
    clock_synchronised: bool | None = None
    pressure: Mapping[str, float] = {}


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """One moment.

    `loop_lag_s` and `clock_step_s` are the worst of the last minutes; a step is how far the wall clock moved away from
    the monotonic one, below 0 when it was set back. `journal_failed` and `broker` say what is wrong ("": nothing).
    """

    loop_lag_s: float
    clock_step_s: float
    journal_failed: str
    journal_wait_s: float
    journal_commit_s: float
    journal_last_seq: int
    queues: Mapping[str, int] = {}
    streams: tuple[StreamAge, ...] = ()
    consumers: tuple[ConsumerLag, ...] = ()
    retention: tuple[RetentionWait, ...] = ()
    kill: KillAction | Literal[""] = ""
    broker: str = ""
    host: Host = Host()
