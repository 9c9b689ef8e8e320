"""How the hot tier is: chunks, dead rows, indexes, slow queries, room, connections, replica; a sentence each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pi5_pipelines.timescale import disk, replica
from pi5_pipelines.timescale.connection import access, connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import psycopg

    from pi5_pipelines.settings import TimescaleSettings
    from pi5_pipelines.timescale.compression import Saving

LEAST_SAVED_PCT = 90.0
JUDGED_BYTES = 2_000_000  # of a closed chunk: a compressed one takes some 100 kB whatever it holds
LOCKS_USED = 0.8  # of what a dump, which locks every relation, may take
DEAD_SHARE, DEAD_ROWS = 0.2, 10_000
UNUSED_BYTES, UNUSED_DAYS = 8_000_000, 7
SCANS, ROWS_A_SCAN = 100, 10_000
SLOW_MS, SLOW_CALLS = 5_000, 10
QUERIES = 10
FULL_DAYS = 30
CONNECTIONS_USED = 0.8
IDLE_MINUTES = 15
LAG_S = 60

# What the schema makes beside its primary keys; who dropped one would notice only by the hours.
INDEXES = (
    "live_orders_by_status", "live_orders_by_symbol", "live_orders_by_seq", "live_orders_by_replaces",
    "live_trades_by_symbol", "live_trades_by_seq", "live_account_by_time", "live_bars_by_symbol",
    "ledger_orders_by_seq", "ledger_fills_by_seq",
)  # fmt: skip

CHUNKS = """
SELECT hypertable_name, count(*) FROM timescaledb_information.chunks WHERE hypertable_schema = 'public'
GROUP BY hypertable_name ORDER BY hypertable_name
"""
LOCKS = """
SELECT (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')),
       current_setting('max_locks_per_transaction')::int
       * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
"""
DEAD = """
SELECT coalesce(c.hypertable_name, s.relname) AS table_name, sum(s.n_live_tup)::bigint, sum(s.n_dead_tup)::bigint,
       sum(pg_table_size(s.relid))::bigint
FROM pg_stat_user_tables AS s
LEFT JOIN timescaledb_information.chunks AS c ON c.chunk_schema = s.schemaname AND c.chunk_name = s.relname
WHERE s.schemaname = 'public' OR c.chunk_name IS NOT NULL
GROUP BY 1 ORDER BY 1
"""
PRESENT = """
SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', '_timescaledb_internal') AND (c.relname = ANY (%s) OR NOT i.indisvalid)
"""
UNUSED = """
SELECT s.relname, s.indexrelname, pg_relation_size(s.indexrelid) FROM pg_stat_user_indexes AS s
JOIN pg_index AS i ON i.indexrelid = s.indexrelid
LEFT JOIN timescaledb_information.chunks AS c ON c.chunk_schema = s.schemaname AND c.chunk_name = s.relname
WHERE (s.schemaname = 'public' OR c.chunk_name IS NOT NULL) AND s.idx_scan = 0 AND NOT i.indisunique
  AND pg_relation_size(s.indexrelid) >= %s
  AND (SELECT coalesce(stats_reset, pg_postmaster_start_time()) FROM pg_stat_database
       WHERE datname = current_database()) < now() - make_interval(days => %s)
ORDER BY 3 DESC
"""
SCANNED = """
SELECT relname, seq_scan, seq_tup_read / seq_scan FROM pg_stat_user_tables
WHERE schemaname = 'public' AND seq_scan >= %s AND seq_tup_read / seq_scan >= %s AND seq_scan > coalesce(idx_scan, 0)
ORDER BY 3 DESC
"""
COUNTED = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
   AND current_setting('pg_stat_statements.max', true) IS NOT NULL
"""
SLOWEST = """
SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 200), calls, mean_exec_time, total_exec_time / 1000
FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND query ~* '^\\s*(select|with|insert|update|delete|merge)'
ORDER BY mean_exec_time DESC LIMIT %s
"""
CONNECTED = """
SELECT count(*), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       coalesce(max(extract(epoch FROM now() - state_change) / 60)
                FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Health:
    """One look: whether it is good, in a sentence, with figures to plot and rows to read."""

    good: bool
    sentence: str
    figures: dict[str, float | int] = field(default_factory=dict)
    rows: tuple[dict[str, Any], ...] = ()


def savings(found: Sequence[Saving]) -> Health:
    """Whether every table's closed chunks take a tenth of what they took, or less."""
    judged = [one for one in found if one.before_bytes >= JUDGED_BYTES * one.chunks]
    bad = [one for one in judged if one.saved_pct < LEAST_SAVED_PCT]
    figures = {f"saved_pct {one.table}": one.saved_pct for one in found}
    if not judged:
        return Health(good=True, sentence="no table has closed chunks of two megabytes yet", figures=figures)
    told = ", ".join(f"{one.table} {one.saved_pct:.1f} %" for one in bad or judged)
    if not bad:
        return Health(good=True, sentence=f"saved: {told}", figures=figures)
    mend = "a price_scale no finer than tick_size, or longer chunks, make them smaller"
    return Health(good=False, sentence=f"too little saved: {told}; {mend}", figures=figures)


def chunks(connection: psycopg.Connection) -> Health:
    """Whether a dump can still lock every chunk at once."""
    rows = connection.execute(CHUNKS).fetchall()
    relations, locks = _row(connection, LOCKS)
    total = sum(count for _, count in rows)
    good = relations <= LOCKS_USED * locks
    told = f"{total} chunks; {relations} relations of the {locks} that a dump can lock at once"
    figures = {"chunks": total, **{f"chunks {name}": count for name, count in rows}}
    return Health(good, told if good else f"{told}: raise max_locks_per_transaction, or keep fewer days", figures)


def dead_rows(connection: psycopg.Connection) -> Health:
    """Whether vacuum keeps up, by the rows that are dead and the bytes that they hold on to."""
    rows = [
        {"table": name, "live": live, "dead": dead, "dead_bytes": round(size * dead / (live + dead))}
        for name, live, dead, size in connection.execute(DEAD).fetchall()
        if dead
    ]
    bad = [one for one in rows if one["dead"] >= DEAD_ROWS and one["dead"] > DEAD_SHARE * (one["live"] + one["dead"])]
    figures: dict[str, float | int] = {name: sum(one[name] for one in rows) for name in ("dead", "dead_bytes")}
    if bad:
        worst = ", ".join(f"{one['table']} ({one['dead']:,} dead rows)" for one in bad)
        return Health(good=False, sentence=f"vacuum does not keep up: {worst}", figures=figures, rows=tuple(rows))
    return Health(good=True, sentence=f"{figures['dead']:,} dead rows in all", figures=figures, rows=tuple(rows))


def indexes(connection: psycopg.Connection) -> Health:
    """Whether every index of the schema is there and whole, and what others would be missed, or not."""
    valid: dict[str, bool] = dict(connection.execute(PRESENT, (list(INDEXES),)).fetchall())
    lacking = [name for name in INDEXES if name not in valid]
    broken = [name for name, is_valid in valid.items() if not is_valid]
    unused = connection.execute(UNUSED, (UNUSED_BYTES, UNUSED_DAYS)).fetchall()
    scanned = connection.execute(SCANNED, (SCANS, ROWS_A_SCAN)).fetchall()
    rows = (
        [{"table": "", "index": name, "finding": "missing"} for name in lacking]
        + [{"table": "", "index": name, "finding": "broken: REINDEX INDEX"} for name in broken]
        + [{"table": t, "index": n, "finding": f"never used, {size:,} bytes"} for t, n, size in unused]
        + [{"table": t, "index": "", "finding": f"read whole {n} times, {each:,} rows each"} for t, n, each in scanned]
    )
    figures: dict[str, float | int] = {
        "missing": len(lacking),
        "broken": len(broken),
        "unused": len(unused),
        "read_whole": len(scanned),
    }
    told = "; ".join(" ".join(filter(None, row.values())) for row in rows)
    return Health(not rows, told or f"all {len(INDEXES)} are there, and none is missed", figures, tuple(rows))


def slow_queries(connection: psycopg.Connection) -> Health:
    """The slowest statements, where pg_stat_statements counts them."""
    (counted,) = _row(connection, COUNTED)
    if not counted:
        hint = "pg_stat_statements does not count here; `pi5 db tune --apply` preloads it, CREATE EXTENSION shows it"
        return Health(good=True, sentence=hint)
    rows = [
        {"query": query, "calls": calls, "mean_ms": round(mean, 1), "total_s": round(total, 1)}
        for query, calls, mean, total in connection.execute(SLOWEST, (QUERIES,)).fetchall()
    ]
    slow = [row for row in rows if row["mean_ms"] >= SLOW_MS and row["calls"] >= SLOW_CALLS]
    slowest = max((row["mean_ms"] for row in rows), default=0.0)
    told = (
        f"{len(slow)} statements take {SLOW_MS / 1e3:.0f} s or more" if slow else f"the slowest takes {slowest:.0f} ms"
    )
    return Health(not slow, told, {"slowest_mean_ms": slowest, "slow": len(slow)}, tuple(rows))


def room(connection: psycopg.Connection, today: date) -> Health:
    """Whether the disk lasts, by what it filled with on the days before."""
    days = disk.history(connection, today)
    if not days:
        return Health(good=True, sentence="nothing was measured yet")
    last, ahead = days[-1], disk.projection(days)
    figures: dict[str, float | int] = {"database_bytes": last.database_bytes, "lake_bytes": last.lake_bytes}
    parts = [f"{last.used / 1e9:.2f} GB used"]
    if last.free_bytes is not None:
        figures["free_bytes"] = last.free_bytes
        parts.append(f"{last.free_bytes / 1e9:.1f} GB free")
    if ahead.bytes_a_day is not None:
        figures["bytes_a_day"] = ahead.bytes_a_day
        parts.append(f"{ahead.bytes_a_day / 1e6:.1f} MB more a day")
    if ahead.days_left is None:
        why = f"too few days to say when full ({len(days)})" if ahead.bytes_a_day is None else "no end in sight"
        return Health(good=True, sentence=f"{why}: {', '.join(parts)}", figures=figures)
    figures["days_left"] = ahead.days_left
    return Health(ahead.days_left >= FULL_DAYS, f"full in {ahead.days_left:.0f} days: {', '.join(parts)}", figures)


def connections(connection: psycopg.Connection) -> Health:
    """Whether there are connections left, and nobody holds a transaction open for long."""
    count, most, idle = _row(connection, CONNECTED)
    problems = [f"{count} of {most} connections are taken"] if count > CONNECTIONS_USED * most else []
    if idle > IDLE_MINUTES:
        problems.append(f"a transaction has been idle for {idle:.0f} minutes, and vacuum waits for it")
    figures = {"connections": count, "connections_most": most, "idle_minutes": idle}
    return Health(not problems, "; ".join(problems) or f"{count} of {most} connections", figures)


def replication(connection: psycopg.Connection, settings: TimescaleSettings) -> Health:
    """Whether the configured replica answers and is near, and no slot fills the disk."""
    slots = replica.slots(connection)
    problems = [one.trouble for one in slots if one.trouble]
    figures: dict[str, float | int] = {"slots": len(slots), "kept_bytes": sum(one.kept_bytes for one in slots)}
    told = "no replica is configured"
    if settings.reader_dsn:
        reader, behind = replica.reader_lag(settings)
        told = behind.sentence
        if behind.seconds is not None:
            figures["lag_s"] = behind.seconds
        if behind.bytes is not None:
            figures["lag_bytes"] = behind.bytes
        if reader.fell_back:
            problems.append(f"readers use the primary: {reader.fell_back}")
        elif behind.replica and (not behind.streaming or behind.seconds is None or behind.seconds > LAG_S):
            problems.append(told)
    return Health(not problems, "; ".join(problems) or told, figures)


def examine(settings: TimescaleSettings, today: date | None = None) -> dict[str, Health]:
    """Every look at a server but the savings, by its name; raises ConfigError, TimescaleError."""
    with connect(access(settings)) as connection:
        return {
            "chunks": chunks(connection),
            "dead_rows": dead_rows(connection),
            "indexes": indexes(connection),
            "slow_queries": slow_queries(connection),
            "room": room(connection, today or datetime.now(UTC).date()),
            "connections": connections(connection),
            "replication": replication(connection, settings),
        }


def _row(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None  # noqa: S101 - these queries answer one row
    return row
