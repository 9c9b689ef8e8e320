"""The one writer of the journal: a thread that commits whatever has queued, and answers once it is on the device.

A commit costs one flush however many events it holds, so those that arrive during a flush share the next one. The
write-ahead log is copied into the file (a checkpoint) when nothing has been written for a moment, or when the log has
grown past its bound: no append pays for it otherwise. When the device fails the writer stops for good, since a log
whose flush failed cannot be trusted to say what it holds; a new start reads what is really there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from live_engine.durable import fsync_dir, make_folder
from live_engine.errors import JournalError, JournalFullError, JournalWriteError
from live_engine.journal import lock, schema
from live_engine.journal.batch import Append, commit, written
from live_engine.journal.connection import explained, open_to_write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from live_engine.events import AnyBody, Event

T = TypeVar("T")
PAGE_BYTES = 4_096
PAGES_PER_COMMIT = 4  # a leaf of the table and of each index, and one more: what a small commit adds to the log


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much may wait, how much one commit takes, and when the log is copied into the file."""

    queue_events: int = 20_000
    queue_bytes: int = 64_000_000
    batch_events: int = 1_000
    batch_bytes: int = 8_000_000
    idle_s: float = 0.5
    idle_log_bytes: int = 1_000_000
    log_bytes: int = 32_000_000


@dataclass(frozen=True, slots=True)
class _Work:
    """Something else that is to be written, between two batches and in a transaction of its own."""

    write: Callable[[sqlite3.Connection], Any]
    future: Future[Any]


class Journal:
    """The journal at `path`, open for writing by this process alone.

    `failed` says why the writer stopped, `last_seq` what was committed last, `commit_ns` how long that took.
    `wall_ns` and `mono_ns` stamp each append when it is handed in: the wall clock may step back, seq and mono_ns do
    not. Raises JournalLockedError when another engine has it, JournalDamagedError, JournalNewerError, and
    JournalWriteError when the device refuses.
    """

    def __init__(
        self,
        path: Path,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
        bounds: Bounds | None = None,
    ) -> None:
        self.path = path
        self.failed: JournalError | None = None
        self.commit_ns = 0
        self._bounds = bounds or Bounds()
        self._wall_ns, self._mono_ns = wall_ns, mono_ns
        self._waiting: deque[Append | _Work] = deque()
        self._events = self._bytes = self._log_bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        self._lock, self._connection, self.epoch, self.last_seq = _opened(path, wall_ns())
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def append(self, bodies: Sequence[AnyBody], *, cause: int = 0, flow: str = "") -> Future[tuple[Event, ...]]:
        """Hand in events that belong together; the answer comes when they are on the device.

        The future raises DuplicateIntentError when an OrderIntent takes a client order id that was used before, and
        JournalWriteError when the device refuses. Raises at once: EventRefusedError, JournalFullError, and why the
        writer stopped. A future that is cancelled does not take the events back; its callbacks run in the writer's
        thread and hold up the next commit.
        """
        read, texts = written(bodies, cause, flow, self.path)
        future: Future[tuple[Event, ...]] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            self._refuse_when_stopped()
            size = sum(map(len, texts))
            if self._events + len(texts) > self._bounds.queue_events or self._bytes + size > self._bounds.queue_bytes:
                raise JournalFullError(
                    f"{self._events} events of {self._bytes} characters wait to be written",
                    where=str(self.path),
                    hint="the device is slower than what arrives: hand in less, or later",
                )
            item = Append(read, tuple(texts), cause, flow, self._wall_ns(), self._mono_ns(), future)
            self._waiting.append(item)
            self._events += len(texts)
            self._bytes += size
            self._changed.notify()
        return future

    async def appended(self, bodies: Sequence[AnyBody], *, cause: int = 0, flow: str = "") -> tuple[Event, ...]:
        """The events once they are on the device, without holding up the event loop; raises as `append` does."""
        return await asyncio.wrap_future(self.append(bodies, cause=cause, flow=flow))

    def run(self, write: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Have the writer do something else in one transaction, in its turn: a snapshot, a consumer's place, removal.

        What `write` raises undoes the transaction and goes to the future; only an error of SQLite stops the writer.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            self._refuse_when_stopped()
            self._waiting.append(_Work(write, future))
            self._changed.notify()
        return future

    @property
    def queued(self) -> int:
        """How many events wait to be written."""
        return self._events

    def oldest_wait_ns(self) -> int:
        """How long the first of the queue has waited; 0 when none does. It grows without end when the device hangs."""
        with self._changed:
            first = next((item for item in self._waiting if isinstance(item, Append)), None)
            return 0 if first is None else self._mono_ns() - first.mono_ns

    def close(self) -> None:
        """Write what waits, copy the log into the file and let another engine have it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_when_stopped(self) -> None:
        if self.failed is not None:
            raise self.failed.with_traceback(None)  # raised again and again, it must not grow
        if self._closed:
            raise JournalWriteError("the journal is closed", where=str(self.path), hint="the engine is going down")

    def _run(self) -> None:
        """The writer's thread."""
        taken: list[Append | _Work] = []
        try:
            while (batch := self._taken()) is not None:
                taken = batch
                self._write(batch)
        except sqlite3.Error as error:
            self._fail(explained(error, self.path), taken)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be acknowledged from here on
            what = f"the writer stopped: {type(error).__name__}: {error}"
            hint = "start again; what was acknowledged is kept"
            self._fail(JournalWriteError(what, where=str(self.path), hint=hint), taken)
        finally:
            with suppress(sqlite3.Error):  # a last checkpoint that fails loses nothing: the log stays
                self._connection.close()

    def _taken(self) -> list[Append | _Work] | None:
        """The next batch; empty when it was quiet for a while, None at the end."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(self._bounds.idle_s)
            if not self._waiting:
                return None if self._closed else []
            if isinstance(self._waiting[0], _Work):
                return [self._waiting.popleft()]
            batch: list[Append | _Work] = []
            events = size = 0
            while self._waiting and isinstance(item := self._waiting[0], Append):
                more = sum(map(len, item.texts))
                if batch and (
                    events + len(item.texts) > self._bounds.batch_events or size + more > self._bounds.batch_bytes
                ):
                    break
                batch.append(self._waiting.popleft())
                events += len(item.texts)
                size += more
            return batch

    def _write(self, batch: list[Append | _Work]) -> None:
        if not batch:
            if self._log_bytes > self._bounds.idle_log_bytes:
                self._checkpoint()
            return
        if isinstance(batch[0], _Work):
            self._work(batch[0])
        else:
            self._commit([item for item in batch if isinstance(item, Append)])
        if self._log_bytes > self._bounds.log_bytes:
            self._checkpoint()

    def _commit(self, batch: list[Append]) -> None:
        started_ns = self._mono_ns()
        outcomes = commit(self._connection, batch, self.last_seq, self.path)
        self.commit_ns = self._mono_ns() - started_ns
        size = sum(len(text) for append in batch for text in append.texts)
        self._log_bytes += size + PAGES_PER_COMMIT * PAGE_BYTES
        with self._changed:
            self._events -= sum(len(append.texts) for append in batch)
            self._bytes -= size
        kept = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
        self.last_seq = kept[-1][-1].seq if kept else self.last_seq
        for append, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, tuple):
                append.future.set_result(outcome)
            else:
                append.future.set_exception(outcome)

    def _work(self, work: _Work) -> None:
        connection = self._connection
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            done = work.write(connection)
            connection.execute("COMMIT")
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked for it is told
            connection.execute("ROLLBACK")
            work.future.set_exception(error)
        else:
            self._log_bytes += (connection.total_changes - before + 1) * PAGE_BYTES
            work.future.set_result(done)

    def _checkpoint(self) -> None:
        """Copy what no reader holds back; when that is all of it, the next commit begins the log anew.

        Half a bound is written before the next attempt while a reader holds more than that back.
        """
        _, frames, copied = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._log_bytes = min((frames - copied) * PAGE_BYTES, self._bounds.log_bytes // 2)

    def _fail(self, error: JournalError, taken: list[Append | _Work]) -> None:
        with self._changed:
            self.failed = error
            unanswered = [item for item in (*taken, *self._waiting) if not item.future.done()]
            self._waiting.clear()
            self._events = self._bytes = 0
        for item in unanswered:
            item.future.set_exception(error)


def _opened(path: Path, now_ns: int) -> tuple[int, sqlite3.Connection, str, int]:
    """The lock's handle, a connection to a journal that outlives a power cut, and the journal's epoch and last seq."""
    handle = -1
    try:
        make_folder(path.parent)
        handle = lock.take(path)
        connection = open_to_write(path)
        try:
            schema.migrate(connection, path, epoch=secrets.token_hex(16), created_ns=now_ns)
            epoch, last_seq = schema.epoch_of(connection), schema.last_seq_of(connection)
        except BaseException:
            connection.close()
            raise
        fsync_dir(path.parent)
    except BaseException as error:
        if handle >= 0:
            os.close(handle)
        if isinstance(error, sqlite3.Error):
            raise explained(error, path) from error
        if isinstance(error, OSError):
            hint = "look at free space, permissions and mount options"
            raise JournalWriteError(f"cannot be written: {error.strerror}", where=str(path), hint=hint) from error
        raise
    return handle, connection, epoch, last_seq
