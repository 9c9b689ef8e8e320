"""The engine's state out of its journal: the newest snapshot, and the fold of what came after it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from live_engine.books import Books
from live_engine.errors import SnapshotError
from live_engine.events import BarClosed, Body, Event
from live_engine.journal.export import exported
from live_engine.journal.reader import JournalReader
from live_engine.kept import pack, unpack
from live_engine.paper.broker import PaperBroker, restored
from live_engine.risk.state import RiskState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from live_engine.paper.settings import StrategySettings

KEEP_BARS = 1_000  # of a symbol and timeframe, to be shown


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    broker: bytes
    books: bytes
    risk: RiskState


@dataclass(slots=True)
class State:
    """What the engine is between two events. `seq` is the last event in it.

    `lacking` is what the accounts owe the journal: to be written before anything else is done. `folded_from` is the
    snapshot's seq. `bars` are the last closed ones by symbol and timeframe; those of before the snapshot are not there.
    """

    broker: PaperBroker
    books: Books = field(default_factory=Books)
    risk: RiskState = field(default_factory=RiskState)
    lacking: list[Body] = field(default_factory=list)
    seq: int = 0
    folded_from: int = 0
    bars: dict[tuple[str, str], deque[BarClosed]] = field(default_factory=dict)

    def keep_bar(self, bar: BarClosed) -> None:
        """Remember a closed bar."""
        self.bars.setdefault((bar.symbol, bar.timeframe), deque(maxlen=KEEP_BARS)).append(bar)

    def to_bytes(self) -> bytes:
        """What goes into a snapshot."""
        kept = _Kept(self.broker.state(), self.books.state(), self.risk)
        return pack(msgspec.msgpack.encode(kept))


def restore(path: Path, strategies: Sequence[StrategySettings], exported_to: Path) -> State:
    """The state that a journal leaves; raises JournalError and SettingsError.

    A snapshot that cannot be read, or that other code made, is left aside: the whole journal is folded then, with the
    days that retention took out of it from where they were `exported_to`.
    """
    with JournalReader(path) as reader:
        seq, body = reader.snapshot() or (0, b"")
        kept = _unpacked(body, path)
        found = State(PaperBroker(strategies))
        if kept is not None:
            found.books, found.risk, found.seq, found.folded_from = kept[0], kept[1].risk, seq, seq
            found.risk.begin_anew()
        broker = kept[1].broker if kept is not None else None
        found.broker, found.lacking = restored(strategies, _fold(reader, found, exported_to), broker)
        return found


def _unpacked(body: bytes, path: Path) -> tuple[Books, _Kept] | None:
    state = unpack(body)
    if state is None:
        return None
    try:
        kept = msgspec.msgpack.decode(state, type=_Kept)
        books = Books()
        books.resume(kept.books, where=f"snapshot in {path}")
    except (msgspec.MsgspecError, SnapshotError):
        return None
    return books, kept


def _fold(reader: JournalReader, state: State, exported_to: Path) -> Iterator[Body]:
    """Fold events into books and risk, and hand their bodies on to the accounts."""
    first_seq, older = reader.first_seq(), iter(list[Event]())
    if first_seq > state.seq + 1:
        older = exported(exported_to / reader.epoch(), state.seq, first_seq)
    for event in chain(older, reader.since(max(state.seq, first_seq - 1))):
        state.books.apply(event)
        _take(state, event)
        state.seq = event.seq
        yield event.body


def _take(state: State, event: Event) -> None:
    body = event.body
    state.risk.take(body, event.wall_ns)
    if isinstance(body, BarClosed) and not body.strategy:
        state.keep_bar(body)
