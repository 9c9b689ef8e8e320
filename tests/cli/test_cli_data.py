"""`pi5 data`: tables, rows, versions and SQL, for people and for machines; nothing that writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

TABLES = {"bars_1d", "corporate_actions", "instruments", "raw_files", "verdicts"}


@pytest.fixture
def rows(lake_home: Path, document: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Rows that `pi5 data show` answers."""
    assert lake_home.exists()

    def show(*arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = document("data", "show", *arguments, "--json")["rows"]
        return found

    return show


@pytest.fixture
def sql(lake_home: Path, document: Callable[..., Any]) -> Callable[[str], list[dict[str, Any]]]:
    """Rows that a query answers."""
    assert lake_home.exists()

    def ask(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = document("data", "sql", query, "--json")["rows"]
        return found

    return ask


def test_an_empty_lake_is_no_error(pi5: Callable[..., Result], document: Callable[..., Any], home: Path) -> None:
    assert document("data", "versions", "--json") == {}
    assert document("data", "list", "--json") == {"tables": []}
    assert "is empty. Next: pi5 ingest" in pi5("data", "list").stdout
    assert not home.exists()


def test_list_names_every_table(lake_home: Path, pi5: Callable[..., Result], document: Callable[..., Any]) -> None:
    assert lake_home.exists()
    tables = {one["table"]: one for one in document("data", "list", "--json")["tables"]}
    assert tables.keys() == TABLES
    assert tables["bars_1d"]["rows"] == 11_958
    assert tables["bars_1d"]["bytes"] > 0
    answer = pi5("data", "list")
    assert all(f"\n {name} " in answer.stdout for name in TABLES)
    assert "11,958" in answer.stdout


def test_versions_names_every_table_with_its_current_version(
    lake_home: Path, document: Callable[..., Any], drop: Callable[..., Path], pi5: Callable[..., Result]
) -> None:
    assert lake_home.exists()
    before = document("data", "versions", "--json")
    assert before == dict.fromkeys(sorted(TABLES), 0)
    drop("NEW.csv", "2024-01-02,1,2,1,1.5,5")
    assert pi5("ingest").exit_code == 0
    after = document("data", "versions", "--json")
    assert after["bars_1d"] == 1
    assert after["corporate_actions"] == 0
    history = document("data", "versions", "bars_1d", "--json")
    assert (history["table"], history["version"]) == ("bars_1d", 1)
    assert [one["version"] for one in history["versions"]] == [1, 0]
    assert history["versions"][0]["note"] == {"source": "inbox", "symbols": "NEW"}
    assert "source inbox, symbols NEW" in pi5("data", "versions", "bars_1d").stdout


def test_show_gives_the_newest_rows_in_real_prices(rows: Callable[..., list[dict[str, Any]]]) -> None:
    assert len(rows("bars_1d")) == 20
    (newest,) = rows("bars_1d", "--symbol", "AAPL", "--limit", "1")
    assert newest["ts"].startswith("2013-03-01")
    assert newest["close"] == pytest.approx(430.47)
    assert len(rows("bars_1d", "--limit", "0")) == 11_958
    assert {row["symbol"] for row in rows("instruments")} == {"AAPL", "GOOG", "IBM", "MSFT"}


def test_a_long_table_shows_what_a_short_one_does_in_columns(lake_home: Path, pi5: Callable[..., Result]) -> None:
    assert lake_home.exists()
    short = pi5("data", "show", "bars_1d", "--limit", "3").stdout.splitlines()
    long = pi5("data", "show", "bars_1d", "--limit", "0").stdout.splitlines()
    assert long[0] == "bars_1d, version 0: 11,958 of 11,958 rows"
    assert len(long) == 3 + 11_958
    assert [line.split() for line in long[-3:]] == [line.split() for line in short[-4:-1]]
    assert len({len(line.rstrip()) > 0 and line.index("20") for line in long[3:]}) == 1


def test_show_takes_symbols_and_days_both_included(rows: Callable[..., list[dict[str, Any]]]) -> None:
    days = ("--start", "2010-01-04", "--end", "2010-01-06")
    found = rows("bars_1d", "--symbol", "GOOG", "--symbol", "IBM", *days)
    assert [(row["ts"][:10], row["symbol"]) for row in found] == [
        (f"2010-01-0{day}", symbol) for day in (4, 5, 6) for symbol in ("GOOG", "IBM")
    ]
    assert len(rows("corporate_actions", "--symbol", "IBM", "--start", "2010-01-01", "--end", "2010-12-31")) == 4


def test_show_adjusted_takes_splits_out(rows: Callable[..., list[dict[str, Any]]]) -> None:
    day = ("bars_1d", "--symbol", "AAPL", "--start", "2005-02-25", "--end", "2005-02-25")
    (paid,), (adjusted,) = rows(*day), rows(*day, "--adjusted")
    assert paid["close"] == pytest.approx(88.99)  # the last day before the split of two for one
    assert adjusted["close"] == pytest.approx(88.99 / 2, rel=0.05)


def test_show_gives_any_kept_version(
    rows: Callable[..., list[dict[str, Any]]], drop: Callable[..., Path], pi5: Callable[..., Result]
) -> None:
    day = ("bars_1d", "--symbol", "AAPL", "--start", "2013-03-01")
    drop("AAPL.csv", "2013-03-01,438.00,438.18,429.98,431.00,19688500")
    assert pi5("ingest").exit_code == 0
    assert [row["close"] for row in rows(*day)] == [431.0]
    assert [row["close"] for row in rows(*day, "--version", "0")] == [430.47]
    (restated,) = [row for row in rows("restatements") if row["column"] == "close"]
    assert (restated["old"], restated["new"], restated["from_version"]) == (4_304_700, 4_310_000, 0)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("show", "nope"), "lake: no such table: 'nope' (there may be: "),
        (("show", "bars_1h"), "no such table yet: 'bars_1h' (run `pi5 ingest` first)"),
        (("show", "../lake"), "no such table: '../lake'"),
        (("show", "bars_1d", "--version", "9"), "lake table bars_1d: no version 9 (there are versions 0 to 0)"),
        (("show", "bars_1d", "--symbol", "GOGO"), "no rows of 'GOGO' (did you mean 'GOOG'?)"),
        (("show", "bars_1d", "--start", "2050-01-01"), "no rows from 2050-01-01 to the end (there are rows from "),
        (("show", "bars_1d", "--start", "2010-02-01", "--end", "2010-01-01"), "2010-02-01 is later than 2010-01-01"),
        (("show", "instruments", "--start", "2010-01-01"), "--start and --end: instruments has no times"),
        (("show", "instruments", "--adjusted"), "--adjusted: instruments holds no bars"),
        (("show", "bars_1d", "--limit", "-1"), "pi5 data show --limit: -1 is not in the range"),
        (("versions", "nope"), "lake: no such table: 'nope'"),
    ],
)
def test_what_is_not_there_is_refused(
    lake_home: Path, refused: Callable[..., str], arguments: tuple[str, ...], line: str
) -> None:
    assert lake_home.exists()
    assert line in refused("data", *arguments)


def test_sql_reads_every_table_and_shows_real_prices(sql: Callable[[str], list[dict[str, Any]]]) -> None:
    assert {row["name"] for row in sql("SHOW TABLES")} == TABLES
    (found,) = sql("SELECT count(*) AS n, max(close) AS top FROM bars_1d WHERE symbol = 'AAPL'")
    assert found["n"] == 3_270
    assert found["top"] == pytest.approx(702.10)
    assert sql("WITH a AS (SELECT 1 AS x) SELECT x FROM a;") == [{"x": 1}]
    assert sql("SELECT 'nan'::DOUBLE AS x, DATE '2024-01-02' AS day") == [{"x": None, "day": "2024-01-02"}]
    assert sql("SELECT 1 AS x WHERE false") == []


def test_sql_for_people_is_a_table_with_the_number_of_rows(lake_home: Path, pi5: Callable[..., Result]) -> None:
    assert lake_home.exists()
    answer = pi5("data", "sql", "SELECT symbol FROM instruments ORDER BY symbol")
    assert answer.exit_code == 0
    assert answer.stdout.endswith("4 rows\n")


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO bars_1d SELECT * FROM bars_1d",
        "UPDATE instruments SET lot = '2'",
        "DELETE FROM instruments",
        "COPY bars_1d TO 'copy.csv'",
        "EXPORT DATABASE 'exported'",
        "ATTACH 'other.db'",
        "CREATE TABLE copy AS SELECT 1",
        "DROP VIEW bars_1d",
        "SELECT 1; DROP VIEW bars_1d",
        "SELECT 1; COPY bars_1d TO 'copy.csv'",
        "SET threads = 64",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE COPY instruments TO 'copy.csv'",
        "EXPLAIN (ANALYZE) COPY instruments TO 'copy.csv'",
        "EXPLAIN /* */ ANALYZE COPY instruments TO 'copy.csv'",
        "WITH a AS (SELECT * FROM instruments) INSERT INTO instruments SELECT * FROM a",
        "",
    ],
)
def test_sql_that_does_more_than_read_is_refused(lake_home: Path, refused: Callable[..., str], query: str) -> None:
    assert lake_home.exists()
    assert refused("data", "sql", query).startswith("error: SQL: ")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nothing FROM bars_1d", 'column "nothing" not found'),
        ("SELECT * FROM nowhere", "Table with name nowhere does not exist!"),
        ("SELECT (1", "syntax error"),
        ("SELECT 'x'::INTEGER AS x", "Could not convert string 'x' to INT32"),
        ("SELECT 1 AS a, 2 AS a", "two columns are called 'a'"),
    ],
)
def test_a_wrong_query_is_one_line_with_the_reason(
    lake_home: Path, refused: Callable[..., str], query: str, reason: str
) -> None:
    assert lake_home.exists()
    assert reason in refused("data", "sql", query)


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('{home}/lake/_delta_log/*')",
        "FROM glob('{home}/*')",
        "FROM '{home}/lake/raw/sample/AAPL/*.csv'",
    ],
)
def test_sql_reads_nothing_but_the_tables(lake_home: Path, refused: Callable[..., str], query: str) -> None:
    assert "file system operations are disabled" in refused("data", "sql", query.format(home=lake_home))


def test_a_query_beyond_its_memory_spills_to_the_lake_s_own_folder(
    lake_home: Path, sql: Callable[[str], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_DUCKDB_MEMORY_LIMIT", "50MB")
    assert lake_home.exists()
    query = "SELECT count(*) AS rows, sum(n)::BIGINT AS total FROM (FROM range(5000000) t(n) ORDER BY hash(n))"
    assert sql(query) == [{"rows": 5_000_000, "total": 12_499_997_500_000}]


def test_sql_on_an_empty_lake_says_what_to_do(refused: Callable[..., str]) -> None:
    assert "the lake is empty (run `pi5 ingest` first)" in refused("data", "sql", "SELECT 1")
