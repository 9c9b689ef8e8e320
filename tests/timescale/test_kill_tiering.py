"""Kill -9 between any two steps of the hand-over: the union of hot and cold always has exactly the rows put in.

While it runs, a writer brings late, restated and new rows, and a reader looks. Some kills fall after each step in turn,
some at random moments, and on a server with more than one session some cut the connection instead. The long tests
have a kill after every step on the Apache edition; `make proof` has those after every other one on the Community
edition too, and with PI5_KILLS=100 a hundred on each, whose outcome docs/proofs.md records.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.connection import pool
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.union import union_rows
from tests.timescale.tiered import DROPS, START, STEPS, SYMBOLS, access, bars, migrated, put, ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg_pool import ConnectionPool

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PI5_KILLS", "0"))
STRIDE = 2  # every other step first, then the others: the first half of the kills goes through the whole hand-over
DAY = timedelta(days=1)
STEADY = SYMBOLS[0]  # nobody writes it after the beginning
DAYS = 4  # that are loaded at the beginning
TIMEOUT_S = 120
MAKE: dict[str, Callable[..., pl.DataFrame]] = {"bars_1m": bars, "ticks": ticks}


@dataclass
class Story:
    """One table: what was put in so far, and up to where chunks are sealed."""

    table: str
    expected: pl.DataFrame
    sealed: datetime = START
    last: datetime = START + DAYS * DAY
    kills: Counter[str] = field(default_factory=Counter)

    def take(self, rows: pl.DataFrame) -> None:
        """Note rows that were loaded: later ones override."""
        key = list(TABLES[self.table].key)
        self.expected = pl.concat([self.expected.join(rows, on=key, how="anti"), rows]).sort(key)

    def news(self, chance: random.Random) -> Iterator[pl.DataFrame]:
        """Rows of all kinds: late ones, others in place of known ones, some in a chunk that may just be moving, new."""
        day = timedelta(days=chance.randrange(max(1, (self.sealed - START).days)))
        moment = timedelta(seconds=chance.randrange(86_000))
        value = "open" if self.table == "bars_1m" else "price"
        yield MAKE[self.table](START + day + moment, 3, symbols=SYMBOLS[1:])
        known = self.expected.filter(pl.col("symbol") != STEADY).sample(3, seed=chance.randrange(2**32))
        yield known.with_columns(pl.col(value) + 1)
        yield MAKE[self.table](self.sealed - DAY + moment, 2, symbols=SYMBOLS[1:])
        yield MAKE[self.table](self.last, 40, symbols=SYMBOLS[1:])
        self.last += DAY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edition", "kills"),
    [("apache", len(STEPS)), pytest.param("community", len(STEPS) // STRIDE + 1, marks=pytest.mark.proof)],
)
def test_killed_hand_overs_lose_nothing_and_double_nothing(
    edition: str, kills: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kill_between_steps(request.getfixturevalue(f"{edition}_dsn"), tmp_path, KILLS or kills, can_cut=edition == "apache")


def kill_between_steps(dsn: str, folder: Path, kills: int, *, can_cut: bool) -> None:
    lake = Lake(folder / "lake")
    chance = random.Random(20261126)  # noqa: S311 - moments, not secrets
    with migrated(dsn) as connection, pool(access(dsn)) as connections:
        stories = [begin(connection, dsn, table) for table in MAKE]
        count: Counter[str] = Counter()
        turn = 0
        while count.total() < kills:
            story = stories[turn % len(stories)]
            way = ("kill", "kill", "random", "cut" if can_cut else "kill")[turn // len(STEPS) % 4]
            fatal = STEPS[turn * STRIDE % len(STEPS)] if way != "random" else "never"
            turn += 1
            if fatal in DROPS and not waiting(connection, story):
                story.sealed += DAY
                assert not move(dsn, lake, story, "run", "never", connections, chance)
            story.sealed += DAY
            assert turn < 3 * kills + 20, f"too few of them died: {count}"
            died = move(dsn, lake, story, "kill" if way == "random" else way, fatal, connections, chance)
            if died:
                count[f"{way} after {fatal}" if way != "random" else way] += 1
            check(connection, lake, story, f"{way} {fatal}")
        for story in stories:
            move(dsn, lake, story, "run", "never", connections, chance)
            check(connection, lake, story, "the end")
            row = connection.execute("SELECT count(*) FROM hand_overs WHERE table_name = %s", (story.table,)).fetchone()
            assert row is not None
            assert row[0] == (story.sealed - START).days
    print(f"{count.total()} kills: {dict(count)}")  # noqa: T201


def waiting(connection: psycopg.Connection, story: Story) -> bool:
    """Whether a chunk was handed over and is not yet dropped."""
    query = "SELECT EXISTS (SELECT FROM hand_overs WHERE table_name = %s AND dropped_at IS NULL)"
    return connection.execute(query, (story.table,)).fetchone() == (True,)


def begin(connection: psycopg.Connection, dsn: str, table: str) -> Story:
    connection.execute("SELECT set_chunk_time_interval(%s::regclass, INTERVAL '1 day')", (f"public.{table}",))
    rows = MAKE[table](START, 48 * DAYS, step=timedelta(minutes=30))
    put(dsn, table, rows)
    return Story(table, rows)


def move(
    dsn: str, lake: Lake, story: Story, way: str, fatal: str, connections: ConnectionPool, chance: random.Random
) -> bool:
    """One run of the mover with a writer and a reader beside it; whether it died."""
    arguments = (dsn, str(lake.root), story.table, story.sealed.isoformat(), way, fatal)
    steady = story.expected.filter(pl.col("symbol") == STEADY)
    news = list(story.news(chance))
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for rows in news:
                load(connections, story.table, rows)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failures.append(error)

    with subprocess.Popen(
        [sys.executable, "-m", "tests.timescale.mover", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "moving\n"
        writer = threading.Thread(target=write)
        writer.start()
        try:
            if fatal == "never" and way == "kill":
                threading.Event().wait(chance.uniform(0.0, 0.7))
                process.kill()
            with psycopg.connect(dsn, autocommit=True) as reader:
                while process.poll() is None:
                    assert union_rows(reader, lake, story.table, symbols=[STEADY]).equals(steady)
            _, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
            writer.join()
    assert not failures, failures
    for rows in news:
        story.take(rows)
    if way == "cut" and process.returncode == 1:
        assert "TimescaleUnreachableError" in errors, errors
        return True
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode != 0


def check(connection: psycopg.Connection, lake: Lake, story: Story, what: str) -> None:
    found = union_rows(connection, lake, story.table)
    key = list(TABLES[story.table].key)
    missing = story.expected.join(found, on=key, how="anti")
    assert missing.is_empty(), f"after {what} these are lost: {missing}"
    assert found.equals(story.expected), (
        f"after {what} there are others: {found.join(story.expected, on=list(found.columns), how='anti')}"
    )
