"""Searching: every word, in any value, over an index that may be thrown away."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import EventRefusedError, JournalMissingError
from live_engine.events import Audited, CancelRequested, KillSwitchSet
from live_engine.journal.search import search
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.events import OrderIntent


@pytest.fixture
def filled(journal: Journal, intent: Callable[..., OrderIntent]) -> Journal:
    """Seq 1 to 4: an intent, its cancel, a kill switch, a call."""
    journal.append([intent("grid-7f3a", "0.015")], flow="call-9").result()
    journal.append([CancelRequested(client_order_id="grid-7f3a", reason='tom said "enough"')]).result()
    journal.append([KillSwitchSet(action="cancel-all", actor="ann", reason="Überhitzung im Büro")]).result()
    journal.append([Audited(actor="ann", role="admin", action="kill", target="grid-9")]).result()
    return journal


def first_indexed(path: Path) -> int:
    with closing(sqlite3.connect(path.with_name("search.sqlite"))) as index:
        return int(index.execute("SELECT first FROM state").fetchone()[0])


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("grid-7f3a", [1, 2]),
        ("GRID-7F3A OrderIntent", [1]),
        ("btc/usd 64250.50", [1]),
        ("0.015", [1]),
        ("call-9", [1]),
        ("ann", [3, 4]),
        ("ann cancel-all", [3]),
        ("uberhitzung", [3]),
        ("büro", [3]),
        ("gri*", [1, 2, 4]),
        ("gri", []),
        ("7f3a-grid", []),
        ('"enough"', [2]),
        ("client_order_id", []),  # names of fields are no words of the event
        ("ann OR tom", []),  # no operators: all words count
        ("nobody", []),
    ],
)
def test_events_that_hold_every_word_are_found(path: Path, filled: Journal, query: str, seqs: list[int]) -> None:
    assert filled.last_seq == 4
    assert [event.seq for event in search(path, query)] == seqs


@pytest.mark.parametrize("query", ["a AND", "(", "NEAR(a b", 'x"y', "-a", "text:a", "^a", "a:b*c", "{a}", "a\0b", "'"])
def test_nothing_that_is_typed_is_syntax(path: Path, filled: Journal, query: str) -> None:
    assert filled.last_seq == 4
    if any(character.isalnum() for character in query):
        search(path, query)
    else:
        with pytest.raises(EventRefusedError, match="no word to look for"):
            search(path, query)


def test_what_comes_later_is_found_too_and_the_newest_come_first(path: Path, filled: Journal) -> None:
    search(path, "ann")
    filled.append([Audited(actor="ann", role="admin", action="rearm")]).result()
    assert [event.seq for event in search(path, "ann")] == [3, 4, 5]
    assert [event.seq for event in search(path, "ann", limit=2)] == [4, 5]


def test_what_retention_took_is_not_found(path: Path, filled: Journal) -> None:
    search(path, "grid*")
    filled.run(lambda connection: connection.execute("DELETE FROM events WHERE seq < 2")).result()
    assert [event.seq for event in search(path, "grid*")] == [2, 4]
    assert first_indexed(path) == 1
    filled.run(lambda connection: connection.execute("DELETE FROM events WHERE seq < 4")).result()
    assert [event.seq for event in search(path, "grid*")] == [4]
    assert first_indexed(path) == 4  # more than half was gone: made anew


def test_a_damaged_index_is_made_anew(path: Path, filled: Journal) -> None:
    assert filled.last_seq == 4
    search(path, "ann")
    path.with_name("search.sqlite").write_bytes(b"spoilt" * 5_000)
    assert [event.seq for event in search(path, "ann")] == [3, 4]


def test_the_index_of_another_journal_is_not_used(path: Path, filled: Journal) -> None:
    search(path, "ann")
    other = path.parent.parent / "other" / "live.sqlite"
    with Journal(other) as journal:
        journal.append([CancelRequested(client_order_id="x")]).result()
    assert filled.last_seq == 4
    shutil.copy(path.with_name("search.sqlite"), other.parent)
    assert search(other, "ann") == []
    assert [event.seq for event in search(other, "x")] == [1]


def test_searching_makes_no_journal(path: Path) -> None:
    with pytest.raises(JournalMissingError):
        search(path, "ann")
    assert not path.parent.exists()
