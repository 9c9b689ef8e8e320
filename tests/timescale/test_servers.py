"""The servers that tests get: real, empty, of the edition asked for, and gone with the process that asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.timescale.fixtures import Server, serving

ROOT = Path(__file__).resolve().parents[2]
LICENSE = "SELECT current_setting('timescaledb.license', true)"


def test_a_test_gets_an_empty_database_of_its_own(apache_dsn: str) -> None:
    with psycopg.connect(apache_dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE one (ts timestamptz NOT NULL)")
        connection.execute("SELECT create_hypertable('one', 'ts')")
        connection.execute("INSERT INTO one VALUES (now())")
        row = connection.execute("SELECT count(*) FROM show_chunks('one')").fetchone()
    assert row == (1,)


@pytest.mark.parametrize("time_around", ["first", "second"])
def test_the_community_edition_is_emptied_between_tests_and_compresses(community_dsn: str, time_around: str) -> None:
    assert time_around
    with psycopg.connect(community_dsn, autocommit=True) as connection:
        assert connection.execute(LICENSE).fetchone() == ("timescale",)
        connection.execute("CREATE TABLE one (ts timestamptz NOT NULL, price bigint)")
        connection.execute("SELECT create_hypertable('one', 'ts')")
        with connection.cursor().copy("COPY one (ts, price) FROM STDIN") as copy:
            for price in range(1000):
                copy.write_row((f"2024-01-01 00:{price // 60:02}:{price % 60:02}+00", price))
        connection.execute("ALTER TABLE one SET (timescaledb.compress, timescaledb.compress_orderby = 'ts')")
        row = connection.execute("SELECT count(compress_chunk(c)) FROM show_chunks('one') AS c").fetchone()
        assert row == (1,)
        assert connection.execute("SELECT sum(price) FROM one").fetchone() == (499_500,)


def test_two_clients_of_the_one_session_do_not_see_each_others_statements(community_dsn: str) -> None:
    with psycopg.connect(community_dsn) as one, psycopg.connect(community_dsn) as other:
        for connection, query in ((one, "SELECT %s::int"), (other, "SELECT -%s::int")) * 2:
            for number in range(10):  # psycopg prepares what is asked again and again
                row = connection.execute(query, (number,)).fetchone()
                assert row == (number if connection is one else -number,)
            connection.commit()


def test_rows_that_a_client_breaks_off_are_not_kept(community_dsn: str) -> None:
    with psycopg.connect(community_dsn) as connection:
        connection.execute("CREATE TABLE one (number int)")
        connection.commit()
        with pytest.raises(KeyError):
            break_off(connection)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (0,)


@pytest.mark.parametrize("edition", ["apache", "community"])
def test_a_server_ends_with_the_process_that_asked_however_that_ends(
    edition: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(f"{edition}_server")  # skips by name where there is none
    script = f"""
import time
from tests.timescale.fixtures import serving
with serving({edition!r}) as server:
    print(server.dsn, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        dsn = process.stdout.readline().strip()
        psycopg.connect(dsn).close()
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while answers(dsn):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_server_without_the_extension_can_be_had(community_server: Server) -> None:
    assert community_server
    with serving("without-extension") as server, psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    assert row == (0,)


def break_off(connection: psycopg.Connection) -> None:
    with connection.cursor().copy("COPY one FROM STDIN") as copy:
        copy.write_row((1,))
        raise KeyError


def answers(dsn: str) -> bool:
    """Whether somebody accepts connections there."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
