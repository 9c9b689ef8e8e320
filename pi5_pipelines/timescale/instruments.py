"""Instruments in the hot tier: the scales that every stored price and size relies on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.errors import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from trading.instrument import Instrument

COLUMNS = ("symbol", "tick_size", "price_scale", "size_scale", "lot", "currency", "calendar", "venue")
CHANGING = COLUMNS[1:]
UPSERT = f"""
INSERT INTO public.instruments AS known ({", ".join(COLUMNS)})
VALUES ({", ".join("%s" for _ in COLUMNS)})
ON CONFLICT (symbol) DO UPDATE SET ({", ".join(CHANGING)}) = ({", ".join(f"EXCLUDED.{one}" for one in CHANGING)})
WHERE ({", ".join(f"known.{one}" for one in CHANGING)})
   IS DISTINCT FROM ({", ".join(f"EXCLUDED.{one}" for one in CHANGING)})
"""  # noqa: S608 - the names are the constants above


def put_instruments(connection: psycopg.Connection, instruments: Iterable[Instrument]) -> None:
    """Add instruments, or restate what may change; raises RowsRefusedError when a scale would."""
    from psycopg import errors

    rows = [tuple(getattr(one, name) for name in COLUMNS) for one in sorted(instruments, key=lambda one: one.symbol)]
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(UPSERT, rows)
    except errors.CheckViolation as error:
        raise RowsRefusedError(
            str(error).splitlines()[0],
            where="instruments",
            hint="keep price_scale and size_scale in pi5.toml as they were",
        ) from error


def known_symbols(connection: psycopg.Connection) -> set[str]:
    """Every symbol that has an instrument."""
    return {symbol for (symbol,) in connection.execute("SELECT symbol FROM public.instruments").fetchall()}
