"""The kill switch's way in when nothing else answers: a file that the engine's loop looks at every second.

A request is written beside, flushed and renamed into place, and the engine removes it only once the event that it led
to is on the device. The nonce goes from the file into the event: a file that a crash left behind after that is known by
it and counts once. A file that says nothing understandable is a halt: somebody meant to stop something.

Writers and the removal take turns by a lock beside the file, so that no request is removed that has just replaced
another one. The engine never waits for it, and a writer not for long: whoever holds it may be what hangs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from live_engine.durable import fsync_dir, make_folder, write_lines
from live_engine.errors import KillFileError
from live_engine.events import KillAction, KillSwitchRearmed, KillSwitchSet
from live_engine.risk.kill_switch import is_stronger, may_rearm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from live_engine.risk.kill_switch import KillSwitch

NAME = "kill"
LOCK = ".kill.lock"
LARGEST_BYTES = 65_536
LONGEST_TEXT = 1_000
PATIENCE_S = 2.0
POLL_S = 0.05
NONCE_BYTES = 16
Request = KillAction | Literal["rearm"]


class KillRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody asks of the kill switch; `nonce` is of this request alone, `written_ns` UTC."""

    action: Request
    actor: str
    reason: str
    nonce: Annotated[str, msgspec.Meta(min_length=1)]
    written_ns: int


def new_nonce() -> str:
    """A name that no other request has."""
    return os.urandom(NONCE_BYTES).hex()


def kill_file(home: Path) -> Path:
    """Where the file stands."""
    return home / "journal" / NAME


def ask(home: Path, request: KillRequest) -> None:
    """Put a request where the engine will find it; when this returns a power cut does not take it away.

    A request that waits there gives way to an equal or a stronger one only; actor and reason are cut to 1,000
    characters. Raises KillFileError when it does not, when nobody is
    named to re-arm, and when the file cannot be written.
    """
    path = kill_file(home)
    if request.action == "rearm" and not may_rearm(request.actor):
        raise KillFileError(
            f"{request.actor!r} cannot re-arm the kill switch", where=str(path), hint="only a person with a name can"
        )
    try:
        make_folder(path.parent)
        with _locked(path, PATIENCE_S):
            _refuse_weaker(home, request)
            short = msgspec.structs.replace(request, actor=_clean(request.actor), reason=_clean(request.reason))
            write_lines(path, [msgspec.json.encode(short)])
    except OSError as error:
        raise KillFileError(
            f"the kill switch's file cannot be written: {error.strerror or error}",
            where=str(path),
            hint="make room or mend the rights there; `systemctl stop live-engine` stops the engine, not its orders",
        ) from error


def waiting(home: Path) -> KillRequest | None:
    """The request that waits; None when there is none. One that cannot be understood is a halt."""
    path = kill_file(home)
    try:
        found = path.stat()
        content = path.read_bytes() if found.st_size <= LARGEST_BYTES else b""
    except FileNotFoundError:
        return None
    except OSError as error:
        return _not_understood(str(error))
    try:
        return msgspec.json.decode(content, type=KillRequest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _not_understood(f"{found.st_ino} {found.st_mtime_ns}")


def event_of(request: KillRequest, switch: KillSwitch) -> KillSwitchSet | KillSwitchRearmed | None:
    """What to write down for a request; None when that was done before.

    None too for a re-arm that is older than what it would undo: who asked for it did not know of that.
    """
    if request.nonce == switch.nonce:
        return None
    if request.action != "rearm":
        return KillSwitchSet(action=request.action, actor=request.actor, reason=request.reason, nonce=request.nonce)
    if not may_rearm(request.actor) or request.written_ns < switch.since_ns:
        return None
    return KillSwitchRearmed(actor=request.actor, reason=request.reason, nonce=request.nonce)


async def take(
    home: Path, switch: KillSwitch, write_down: Callable[[KillSwitchSet | KillSwitchRearmed], Awaitable[None]]
) -> KillRequest | None:
    """Take the request that waits: write its event down, and remove the file after that; None when there was none.

    `write_down` returns once the event is on the device and folded. Called at the start and every second.
    """
    request = waiting(home)
    if request is None:
        return None
    event = event_of(request, switch)
    if event is not None:
        await write_down(event)
    remove(home, request.nonce)
    return request


def remove(home: Path, nonce: str) -> bool:
    """Remove the file of a request that was taken; False when another one stands there, or is written just now."""
    path = kill_file(home)
    try:
        with _locked(path, 0.0) as is_mine:
            found = waiting(home)
            if not is_mine or found is None or found.nonce != nonce:
                return False
            path.unlink()
            fsync_dir(path.parent)
    except OSError:
        return False
    return True


def _refuse_weaker(home: Path, request: KillRequest) -> None:
    found = waiting(home)
    if found is None or found.action == "rearm":
        return
    if request.action == "rearm" or is_stronger(found.action, request.action):
        raise KillFileError(
            f"{found.action} by {found.actor} waits there to be taken by the engine",
            where=str(kill_file(home)),
            hint="start the engine, or see why it hangs; it takes the file within a second",
        )


def _clean(text: str) -> str:
    """A text that JSON can hold: what a terminal sent in another encoding is replaced."""
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode()


def _not_understood(identity: str) -> KillRequest:
    """A halt, whose nonce is of this very file, so that it counts once and a new one counts again."""
    nonce = hashlib.sha256(identity.encode()).hexdigest()[: 2 * NONCE_BYTES]
    return KillRequest("halt", "kill file", "a kill file that cannot be understood", nonce, 0)


@contextmanager
def _locked(path: Path, patience_s: float) -> Iterator[bool]:
    """Take the turn for a while; True when it is ours, False when somebody has held it for longer than the patience."""
    handle = os.open(path.with_name(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience_s
        while not (is_mine := _try_lock(handle)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        yield is_mine
    finally:
        os.close(handle)  # closing gives the lock back, as does any kind of death


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
