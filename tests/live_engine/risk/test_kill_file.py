"""The kill file: taken once whatever dies when, stronger requests first, and a halt when it says nothing sensible."""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from live_engine.errors import KillFileError
from live_engine.events import KillSwitchRearmed, KillSwitchSet
from live_engine.risk import kill_file as module
from live_engine.risk.kill_file import KillRequest, ask, event_of, kill_file, new_nonce, remove, take, waiting
from live_engine.risk.kill_switch import KillSwitch, fold_switch
from tests.live_engine.risk.facts import event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.risk.kill_file import Request


def request(action: Request = "halt", nonce: str = "n1", written_ns: int = 100, actor: str = "ann") -> KillRequest:
    return KillRequest(action, actor, "why", nonce, written_ns)


class Died(BaseException):
    """The process is gone."""


class Engine:
    """An engine's part in it: a journal that is a list, its fold, and a number of steps until it dies."""

    def __init__(self, home: Path, journal: list[Any], lives: int = 10**6) -> None:
        self.home, self.journal, self.lives = home, journal, lives

    @property
    def switch(self) -> KillSwitch:
        """The fold of what is journalled."""
        switch = KillSwitch()
        for moment, body in enumerate(self.journal, start=1):
            switch = fold_switch(switch, event(body, moment))
        return switch

    def step(self) -> None:
        """Die here when the time has come."""
        self.lives -= 1
        if self.lives < 0:
            raise Died

    def poll(self) -> KillRequest | None:
        """What the loop does every second."""

        async def write_down(body: Any) -> None:  # noqa: ANN401 - one of the two events
            self.step()
            self.journal.append(body)
            self.step()

        return asyncio.run(take(self.home, self.switch, write_down))


def dying(monkeypatch: pytest.MonkeyPatch, step: Callable[[], None]) -> None:
    """Have every change of the file system be a step at which the process may die, before it and after it."""
    for name in ("unlink", "fsync", "replace"):
        real = getattr(os, name)

        def wrapped(*args: Any, real: Any = real, **more: Any) -> Any:  # noqa: ANN401 - handed through
            step()
            result = real(*args, **more)
            step()
            return result

        monkeypatch.setattr(os, name, wrapped)


@pytest.mark.parametrize("lives", range(12))
def test_a_request_counts_once_whichever_step_the_engine_dies_at(
    tmp_path: Path, lives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal: list[Any] = []
    ask(tmp_path, request("cancel-all"))
    first = Engine(tmp_path, journal, lives)
    with monkeypatch.context() as patch:
        dying(patch, first.step)
        died = False
        try:
            first.poll()
        except Died:
            died = True
    assert died == (lives < 6)  # before and after: the event, the removal, the flush
    second = Engine(tmp_path, journal)
    second.poll()
    assert second.poll() is None
    assert journal == [KillSwitchSet(action="cancel-all", actor="ann", reason="why", nonce="n1")]
    assert not kill_file(tmp_path).exists()


@pytest.mark.parametrize("lives", range(14))
def test_a_writer_that_dies_leaves_the_old_request_or_the_new_one(
    tmp_path: Path, lives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path, request("halt", "n1"))
    writer = Engine(tmp_path, [], lives)
    with monkeypatch.context() as patch:
        dying(patch, writer.step)
        try:
            ask(tmp_path, request("flatten", "n2"))
            survived = True
        except Died:
            survived = False
    found = waiting(tmp_path)
    assert found in (request("halt", "n1"), request("flatten", "n2"))
    assert survived == (lives >= 6)
    assert not survived or found == request("flatten", "n2")
    ask(tmp_path, request("flatten", "n3"))
    assert waiting(tmp_path) == request("flatten", "n3")


def test_the_file_stays_when_the_event_cannot_be_written_down(tmp_path: Path) -> None:
    async def full(body: object) -> None:
        raise OSError(28, f"no room for {body}")

    ask(tmp_path, request())
    with pytest.raises(OSError, match="no room"):
        asyncio.run(take(tmp_path, KillSwitch(), full))
    assert waiting(tmp_path) == request()


def test_without_a_file_there_is_nothing_to_take(tmp_path: Path) -> None:
    assert Engine(tmp_path, []).poll() is None
    assert not remove(tmp_path, "n1")


def test_a_stop_and_a_rearm_later_are_both_taken(tmp_path: Path) -> None:
    engine = Engine(tmp_path, [])
    ask(tmp_path, request("flatten"))
    engine.poll()
    ask(tmp_path, request("rearm", "n2"))
    engine.poll()
    assert engine.switch == KillSwitch(nonce="n2")
    assert engine.journal[0].action == "flatten"
    assert engine.journal[1] == KillSwitchRearmed(actor="ann", reason="why", nonce="n2")


def test_a_rearm_older_than_what_it_would_undo_is_dropped(tmp_path: Path) -> None:
    switch = KillSwitch("halt", "risk", "lost", since_ns=101)
    assert event_of(request("rearm", written_ns=100), switch) is None
    assert event_of(request("rearm", written_ns=101), switch) is not None
    engine = Engine(tmp_path, [KillSwitchSet(action="halt", actor="risk", reason="lost")])
    ask(tmp_path, request("rearm", written_ns=0))
    engine.poll()
    assert engine.switch.action == "halt"
    assert not kill_file(tmp_path).exists()


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ("halt", "flatten", "flatten"),
        ("flatten", "flatten", "flatten"),
        ("rearm", "halt", "halt"),
        ("flatten", "halt", None),
        ("cancel-all", "halt", None),
        ("halt", "rearm", None),
    ],
)
def test_a_waiting_request_gives_way_to_a_stronger_one_only(
    tmp_path: Path, first: Request, second: Request, stays: Request | None
) -> None:
    ask(tmp_path, request(first, "n1"))
    if stays is None:
        with pytest.raises(KillFileError, match=f"{first} by ann waits there"):
            ask(tmp_path, request(second, "n2"))
        assert waiting(tmp_path) == request(first, "n1")
    else:
        ask(tmp_path, request(second, "n2"))
        assert waiting(tmp_path) == request(stays, "n2")


@pytest.mark.parametrize("actor", ["", " ", "risk"])
def test_nobody_cannot_ask_for_a_rearm(tmp_path: Path, actor: str) -> None:
    with pytest.raises(KillFileError, match="cannot re-arm"):
        ask(tmp_path, request("rearm", actor=actor))
    assert waiting(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"flatten!", b"{}", b"\xff\xfe", b'{"action":"boom"}', msgspec.json.encode(request(nonce=""))]
)
def test_a_file_that_says_nothing_sensible_is_a_halt_and_counts_once(tmp_path: Path, content: bytes) -> None:
    engine = Engine(tmp_path, [])
    kill_file(tmp_path).parent.mkdir()
    kill_file(tmp_path).write_bytes(content)
    before = waiting(tmp_path)
    assert before == waiting(tmp_path)
    engine.poll()
    assert engine.switch.action == "halt"
    assert not kill_file(tmp_path).exists()
    engine.journal.append(KillSwitchRearmed(actor="ann"))
    kill_file(tmp_path).write_bytes(content)
    os.utime(kill_file(tmp_path), ns=(1, 1))
    engine.poll()
    assert engine.switch.action == "halt"


def test_a_file_that_is_much_too_large_is_a_halt_and_is_not_read(tmp_path: Path) -> None:
    kill_file(tmp_path).parent.mkdir()
    with kill_file(tmp_path).open("wb") as file:
        file.truncate(10**12)
    found = waiting(tmp_path)
    assert found is not None
    assert found.action == "halt"


def test_a_folder_in_its_place_is_a_halt_that_counts_once(tmp_path: Path) -> None:
    kill_file(tmp_path).mkdir(parents=True)
    engine = Engine(tmp_path, [])
    for _ in range(3):
        engine.poll()
    assert len(engine.journal) == 1
    with pytest.raises(KillFileError, match="cannot be written"):
        ask(tmp_path, request("flatten"))


def test_a_request_that_has_just_replaced_another_is_not_removed_with_it(tmp_path: Path) -> None:
    ask(tmp_path, request("halt", "n1"))
    ask(tmp_path, request("flatten", "n2"))
    assert not remove(tmp_path, "n1")
    assert waiting(tmp_path) == request("flatten", "n2")


def test_a_holder_of_the_lock_that_hangs_stops_neither_engine_nor_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    ask(tmp_path, request("halt", "n1"))
    handle = os.open(kill_file(tmp_path).with_name(module.LOCK), os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        engine = Engine(tmp_path, [])
        engine.poll()
        engine.poll()
        assert len(engine.journal) == 1
        ask(tmp_path, request("flatten", "n2"))
        engine.poll()
        assert engine.switch.action == "flatten"
    finally:
        os.close(handle)
    engine.poll()
    assert len(engine.journal) == 2
    assert not kill_file(tmp_path).exists()


def test_texts_that_no_file_could_hold_are_cut_and_mended(tmp_path: Path) -> None:
    ask(tmp_path, KillRequest("flatten", "ann", "x\udcff" * 10**6, new_nonce(), 1))
    found = waiting(tmp_path)
    assert found is not None
    assert found.action == "flatten"
    assert found.reason == "x?" * 500
