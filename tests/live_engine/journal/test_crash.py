"""Kill -9, torn logs and power cuts: what was acknowledged is there, and what is there is whole.

Five kills by default; PI5_KILLS=500 is the full proof.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from live_engine.events import CancelRequested
from live_engine.journal.reader import JournalReader
from live_engine.journal.verify import verify
from live_engine.journal.writer import Bounds, Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    Cancel = Callable[[int], CancelRequested]


ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("PI5_KILLS", "5"))
LOG_HEADER = 32
FRAME_HEADER = 24


# Three threads append as fast as they are answered; each answer is told on stdout before the next event is handed in.
LOAD = """
import os, sys, threading
from pathlib import Path
from live_engine.events import CancelRequested
from live_engine.journal.writer import Bounds, Journal

journal = Journal(Path(sys.argv[1]), bounds=Bounds(log_bytes=200_000))

def load(name):
    number = 0
    while True:
        bodies = [CancelRequested(client_order_id=f"{sys.argv[2]}-{name}-{number + extra}") for extra in range(3)]
        for event in journal.append(bodies).result():
            os.write(1, f"{event.seq} {event.body.client_order_id}\\n".encode())
        number += 3

for name in range(3):
    threading.Thread(target=load, args=(name,)).start()
"""


def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, tmp_path: Path) -> None:
    rng = random.Random(5)  # noqa: S311 - moments, not secrets
    acknowledged: dict[int, str] = {}
    for kill in range(KILLS):
        output = tmp_path / "acknowledged"
        with output.open("wb") as told:
            process = subprocess.Popen([sys.executable, "-c", LOAD, str(path), str(kill)], cwd=ROOT, stdout=told)
            while not output.stat().st_size:
                time.sleep(0.005)
                assert process.poll() is None
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
        for line in output.read_text().splitlines():
            seq, name = line.split()
            assert int(seq) not in acknowledged
            acknowledged[int(seq)] = name
        report = verify(path)
        assert report.problems == ()
        assert report.last_seq >= max(acknowledged)
    with JournalReader(path) as reader:
        events = list(reader.since(0))
    names = {event.seq: event.body.client_order_id for event in events if isinstance(event.body, CancelRequested)}
    assert acknowledged.items() <= names.items()
    assert len(set(names.values())) == len(names)
    for start in range(0, len(events), 3):  # three are appended together: never a part of them
        assert len({event.mono_ns for event in events[start : start + 3]}) == 1


def left_by_a_crash(path: Path, folder: Path) -> Path:
    """The files as a machine that goes down now would leave them: without what the processes share in memory."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", folder)
    return folder / path.name


def numbers(path: Path) -> list[int]:
    with JournalReader(path) as reader:
        bodies = [event.body for event in reader.since(0)]
    return [int(body.client_order_id.removeprefix("order-")) for body in bodies if isinstance(body, CancelRequested)]


def test_a_log_cut_anywhere_leaves_a_beginning_of_what_was_written(path: Path, tmp_path: Path, cancel: Cancel) -> None:
    after_commit = {LOG_HEADER: 0}
    with Journal(path) as journal:
        start = left_by_a_crash(path, tmp_path / "start").with_name("live.sqlite-wal").stat().st_size
        for number in range(12):
            journal.append([cancel(number)]).result()
            after_commit[path.with_name("live.sqlite-wal").stat().st_size] = number + 1
        crashed = left_by_a_crash(path, tmp_path / "crashed")
    log = crashed.with_name("live.sqlite-wal").read_bytes()
    frame = FRAME_HEADER + int.from_bytes(log[8:12], "big")
    boundaries = range(start, len(log) + 1, frame)
    inside = [len(log) - frame + part for part in (1, 12, 23, 24, 25, 500, frame // 2, frame - 1)]
    for number, cut in enumerate([*boundaries, *inside]):
        copy = left_by_a_crash(crashed, tmp_path / f"cut-{number}")
        copy.with_name("live.sqlite-wal").write_bytes(log[:cut])
        expected = max(count for size, count in after_commit.items() if size <= cut)
        assert numbers(copy) == list(range(expected)), f"cut at {cut}"
        assert verify(copy).problems == ()
        with Journal(copy) as journal:
            assert journal.append([cancel(expected)]).result()[0].seq == expected + 1
    assert max(after_commit) == len(log)


def test_a_frame_that_was_torn_while_it_was_written_is_not_read(path: Path, tmp_path: Path, cancel: Cancel) -> None:
    with Journal(path) as journal:
        for number in range(5):
            journal.append([cancel(number)]).result()
        crashed = left_by_a_crash(path, tmp_path / "crashed")
    log = crashed.with_name("live.sqlite-wal").read_bytes()
    for number, place in enumerate((1, 700, 4_000)):
        copy = left_by_a_crash(crashed, tmp_path / f"torn-{number}")
        torn = bytearray(log)
        torn[-place] ^= 0xFF
        copy.with_name("live.sqlite-wal").write_bytes(torn)
        assert numbers(copy) == [0, 1, 2, 3]


def test_a_power_cut_after_any_answer_keeps_all_that_was_answered(path: Path, tmp_path: Path, cancel: Cancel) -> None:
    with Journal(path, bounds=Bounds(log_bytes=100_000)) as journal:  # the log is copied and begun anew on the way
        for number in range(60):
            (event,) = journal.append([cancel(number)]).result()
            copy = left_by_a_crash(path, tmp_path / f"cut-{number}")
            assert numbers(copy) == list(range(number + 1))
            assert event.seq == number + 1
            assert verify(copy).problems == ()
            shutil.rmtree(copy.parent)


def test_a_power_cut_while_the_log_is_copied_into_the_file_loses_nothing(
    path: Path, tmp_path: Path, cancel: Cancel
) -> None:
    rng = random.Random(9)  # noqa: S311 - which pages the device had taken
    page = 4_096
    with Journal(path) as journal:
        for number in range(300):
            journal.append([cancel(number)]).result()
        before = left_by_a_crash(path, tmp_path / "before")
    old, new = before.read_bytes(), path.read_bytes()  # closing copied it
    assert len(new) > len(old)
    for attempt in range(10):
        copy = left_by_a_crash(before, tmp_path / f"torn-{attempt}")
        pieces = [rng.choice((old, new))[start : start + page].ljust(page, b"\0") for start in range(0, len(new), page)]
        copy.write_bytes(b"".join(pieces)[: rng.randrange(len(old), len(new) + 1)])
        assert numbers(copy) == list(range(300))
        assert verify(copy).problems == ()


def test_a_power_cut_while_the_journal_is_made_leaves_one_that_can_be_made(path: Path, tmp_path: Path) -> None:
    with Journal(path):
        crashed = left_by_a_crash(path, tmp_path / "crashed")
    log = crashed.with_name("live.sqlite-wal").read_bytes()
    frame = FRAME_HEADER + int.from_bytes(log[8:12], "big")
    for number, cut in enumerate([0, 1, *range(LOG_HEADER, len(log) + 1, frame)]):
        copy = left_by_a_crash(crashed, tmp_path / f"cut-{number}")
        copy.with_name("live.sqlite-wal").write_bytes(log[:cut])
        with Journal(copy) as journal:
            assert journal.last_seq == 0
            assert len(journal.epoch) == 32
        assert verify(copy).problems == ()
