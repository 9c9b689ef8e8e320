"""The state that the engine keeps in its journal's snapshots, and when it may be taken up again.

A snapshot holds flat lists of numbers whose meaning is in the code. After any change of that code it is left aside, and
the whole journal is folded anew: slower, once, and it finds out whether the code still decides as the journal says.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import msgspec

import trading
from live_engine import orders, paper, risk

PACKAGES = (trading, orders, paper, risk)


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """The engine's state, and the code that it means something to."""

    code: str
    state: bytes


def pack(state: bytes) -> bytes:
    """What goes into a snapshot."""
    return msgspec.msgpack.encode(Kept(code_hash(), state))


def unpack(body: bytes) -> bytes | None:
    """The state out of a snapshot; None when it cannot be read, or when the code has changed since."""
    try:
        kept = msgspec.msgpack.decode(body, type=Kept)
    except msgspec.MsgspecError:
        return None
    return kept.state if kept.code == code_hash() else None


@cache
def code_hash() -> str:
    """The sha256 of every source file of the rulebook, and of what folds accounts, orders and risk."""
    total = hashlib.sha256()
    for package in PACKAGES:
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            total.update(f"{path.relative_to(folder.parent)}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()
