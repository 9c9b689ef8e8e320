"""The schema: made once, in order, by one at a time, and told when it is not what this program made."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from pi5_pipelines.errors import ExtensionError, MigrationError
from pi5_pipelines.timescale.connection import Access, connect
from pi5_pipelines.timescale.edition import detect, judged
from pi5_pipelines.timescale.migrations import Migration, applied, migrate, migrations
from tests.timescale.fixtures import Server, serving

if TYPE_CHECKING:
    from tests.timescale.market import Hot

CHUNKS = """SELECT hypertable_name, extract(epoch FROM time_interval)::int / 86400
            FROM timescaledb_information.dimensions WHERE hypertable_schema = 'public' ORDER BY 1"""


def test_migrating_again_does_nothing(any_dsn: str) -> None:
    with connect(Access(any_dsn, "there")) as connection:
        first = migrate(connection)
        assert len(first.applied) == len(migrations())
        again = migrate(connection)
        assert (again.applied, again.before) == ((), len(migrations()))
        assert detect(connection) == first.edition


def test_the_edition_is_told_by_the_server(apache_dsn: str, community_dsn: str) -> None:
    with connect(Access(apache_dsn, "there")) as connection:
        edition = migrate(connection).edition
    with connect(Access(community_dsn, "there")) as connection:
        other = migrate(connection).edition
    assert (edition.name, edition.compresses) == ("apache", False)
    assert (other.name, other.compresses) == ("community", True)


def test_two_who_migrate_at_once_apply_every_file_once(apache_dsn: str) -> None:
    together = threading.Barrier(3)
    reports = []

    def run() -> None:
        with connect(Access(apache_dsn, "there")) as connection:
            together.wait()
            reports.append(migrate(connection))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [name for report in reports for name in report.applied]
    assert sorted(done) == sorted(one.name for one in migrations())


def test_a_file_changed_after_it_was_applied_is_told(hot: Hot) -> None:
    first, *others = migrations()
    with pytest.raises(MigrationError, match=r"0001 \(instruments\) is not the one that was applied"):
        migrate(hot.connection, [replace(first, sql=first.sql + " "), *others])


def test_a_database_newer_than_the_program_is_told(hot: Hot) -> None:
    with pytest.raises(MigrationError, match="newer than this program"):
        migrate(hot.connection, migrations()[:-1])


def test_a_migration_that_fails_leaves_nothing_and_the_ones_before_it(hot: Hot) -> None:
    good = Migration(len(migrations()) + 1, "good", "CREATE TABLE good (number int)")
    bad = Migration(good.number + 1, "bad", "CREATE TABLE bad (number int); SELECT 1 / 0")
    with pytest.raises(MigrationError, match=rf"{bad.number:04} \(bad\) failed: division by zero"):
        migrate(hot.connection, [*migrations(), good, bad])
    assert [row.number for row in applied(hot.connection)] == [*range(1, good.number + 1)]
    assert hot.one("SELECT to_regclass('bad')") is None
    assert hot.one("SELECT to_regclass('good')") == "good"


def test_chunks_are_as_long_as_decided(any_dsn: str) -> None:
    with connect(Access(any_dsn, "there")) as connection:
        migrate(connection)
        assert dict(connection.execute(CHUNKS).fetchall()) == {
            "bars_1m": 7,
            "bars_5m": 28,
            "bars_15m": 84,
            "bars_30m": 168,
            "bars_1h": 364,
            "bars_4h": 1456,
            "bars_1d": 1456,
            "live_bars": 28,
            "ticks": 1,
        }


def test_a_table_that_the_live_ones_replace_goes_unless_somebody_filled_it(apache_dsn: str) -> None:
    with connect(Access(apache_dsn, "there")) as connection:
        migrate(connection, migrations()[:8])
        connection.execute("INSERT INTO account VALUES ('mine', 'USD', now(), 1, 1, 1)")
        migrate(connection)
        query = "SELECT to_regclass('orders'), to_regclass('orders_readable'), (SELECT cash FROM account)"
        assert connection.execute(query).fetchone() == (None, None, 1)


def test_views_show_real_prices_and_one_timeframe_reads_one_table(hot: Hot) -> None:
    hot.connection.execute(
        "INSERT INTO bars_1d VALUES ('AAPL', '2024-01-02', 1875000, 1883000, 1838900, 1856400, 82488700)"
    )
    row = hot.connection.execute("SELECT timeframe, open::text, volume::text FROM market_data").fetchone()
    assert row == ("1d", "187.5000", "82488700")
    plan = hot.connection.execute("EXPLAIN SELECT * FROM market_data WHERE timeframe = '1d'").fetchall()
    assert not [line for (line,) in plan if "bars_1m" in line]


def test_a_scale_that_stored_rows_rely_on_cannot_change(hot: Hot) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="the scales of AAPL are 4 and 0"):
        hot.connection.execute("UPDATE instruments SET price_scale = 2 WHERE symbol = 'AAPL'")


@pytest.mark.slow
def test_a_server_without_the_extension_is_told(community_server: Server) -> None:
    assert community_server
    with (
        serving("without-extension") as server,
        connect(Access(server.dsn, "there")) as connection,
        pytest.raises(ExtensionError, match=r"not installed on this server.*postgresql-17-timescaledb"),
    ):
        migrate(connection)


def test_a_server_that_does_not_preload_it_is_told(apache_server: Server) -> None:
    assert apache_server
    with (
        serving("apache", "--no-preload") as server,
        connect(Access(server.dsn, "there")) as connection,
        pytest.raises(ExtensionError, match=r"not preloaded.*shared_preload_libraries"),
    ):
        migrate(connection)


def test_a_library_of_another_version_than_the_database_has_is_told(hot: Hot) -> None:
    hot.connection.execute("UPDATE pg_extension SET extversion = '2.18.0' WHERE extname = 'timescaledb'")
    with (
        pytest.raises(ExtensionError, match=r"timescaledb-2\.18\.0.*ALTER EXTENSION timescaledb UPDATE"),
        connect(hot.access) as connection,
    ):
        connection.execute("SELECT count(*) FROM bars_1m")


@pytest.mark.parametrize(
    ("installed", "available", "licence", "major", "told"),
    [
        (None, None, None, 17, "not installed on this server"),
        (None, "2.19.3", "apache", 17, "run `pi5 db migrate`"),
        ("2.19.3", "2.19.3", None, 17, "not preloaded"),
        ("2.10.3", "2.10.3", "apache", 17, "TimescaleDB 2.10.3 is too old"),
        ("2.19.3", "2.19.3", "apache", 13, "PostgreSQL 13.1 is too old"),
    ],
)
def test_a_server_that_does_not_fit_is_told_why(
    installed: str | None, available: str | None, licence: str | None, major: int, told: str
) -> None:
    with pytest.raises(ExtensionError, match=told):
        judged(major, f"{major}.1", installed, available, licence, where="there")


def test_a_newer_version_than_any_tried_works_and_says_so() -> None:
    assert not judged(18, "18.1", "2.31.0", "2.31.0", "timescale", where="there").is_tried
    assert judged(17, "17.5", "2.23.0-dev", "2.23.0-dev", "timescale", where="there").is_tried
