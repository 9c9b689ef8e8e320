"""Writes docs/journal-format.md: what the live engine's journal holds, from the types that it is written with."""

from __future__ import annotations

import re
import types
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from live_engine.events import AnyBody, Event
from live_engine.journal import schema
from live_engine.journal.reader import KNOWN

PAGE = Path(__file__).resolve().parent / "journal-format.md"
TEXT = """# The journal's format

Written by `make docs` from `live_engine/events.py` and `live_engine/journal/schema.py`. With this page a stranger can
write another consumer of `HOME/journal/live.sqlite`, in any language that reads SQLite and JSON.

## The file

One SQLite database in write-ahead mode. `PRAGMA application_id` is {application_id} (`Pi5J`), `PRAGMA user_version`
the schema's version, {version} now: refuse a higher one. The engine is its only writer; open it read-only (`mode=ro`)
and it never notices. Copy it with SQLite's own backup, or together with its `-wal`.

```sql
{tables}
```

| column of `events` | holds |
|---|---|
{columns}
| `type` | the body's `type`, for finding |
| `client_order_id` | the order that the body names, or NULL |
| `crc` | CRC-32 (zlib's) of the body's bytes, begun at the low 32 bits of `seq` instead of at 0 |

## What a consumer may rely on

- **Order.** `seq` rises by one without a gap, in the order in which things happened. Whoever reads sees whole commits
  only.
- **Durability.** What can be read was on the device before anybody was told of it, and is never changed.
- **Beginning.** Retention removes whole days from the front, as far as every row of `consumers` allows. What it took
  lies in `HOME/exports/journal/EPOCH/DAY.jsonl`, a line `{{"seq", "wall_ns", "mono_ns", "body", "cause", "flow"}}` an
  event; days into which the clock was set back overlap.
- **Identity.** `meta` has the `epoch`, a random name. Another epoch under the path is another journal, and `seq`
  begins anew. An older copy has the same epoch: compare the `wall_ns` of the last event that you took in with the one
  you kept.
- **Clocks.** `wall_ns` may step back. Only `seq` orders.

## Exactly once

1. Keep `(epoch, seq)` of the last event in the same transaction as what you made of it, and begin there, wherever
   else a place may be kept. Repeating is then harmless.
2. Read `seq > place ORDER BY seq LIMIT n`. A first row that is not `place + 1` means that retention has been there:
   go to the exported days, or say so.
3. Check the `crc`. An unknown `type`, or a `v` above the one below, is a newer program's: stop there, and lose
   nothing.
4. To make retention wait, move your row of `consumers` forward, in a transaction of its own, *after* your commit.
   This is the only writing there is for others (`live_engine.journal.consumers.move`). A consumer that will not come
   back must be deleted there, or the journal only grows.

```python
{example}
```

The platform's own consumers are `timescale` (TimescaleDB), `ledger` (the lake, [the live
engine](live.md#the-ledger)) and `backup` (the last event that a verified backup holds, [retention](live.md#retention)).

## Events

A body is a JSON object with its `type`. Fields that have their default are left out, `v` (1) among them; `v` rises
when a reader of the old shape would err, and a new field with a default does not raise it. Decimals are strings with
every digit.

{events}
"""
EXAMPLE = '''import json, sqlite3, zlib


def news(path, epoch, place, limit=1000):
    """The epoch, and the events after `place`; another epoch begins at its first event."""
    journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    journal.text_factory = bytes
    now = journal.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0].decode()
    place = place if now == epoch else 0
    found = journal.execute("SELECT seq, body, crc FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (place, limit))
    rows = found.fetchall()
    journal.close()
    for expected, (seq, body, crc) in enumerate(rows, start=place + 1):
        if seq != expected or zlib.crc32(body, seq & 0xFFFFFFFF) != crc:
            raise ValueError(f"event {expected} is missing or damaged")
    return now, [(seq, json.loads(body)) for seq, body, _ in rows]'''
NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false", Decimal: "decimal"}
COLUMNS = {
    "seq": "the event's number, from 1",
    "wall_ns": "when it was handed in: UTC, nanoseconds since 1970",
    "mono_ns": "the same by this boot's monotonic clock",
    "body": "what happened, as JSON",
    "cause": "the `seq` of what led to it; 0: nothing did",
    "flow": "joins all that came of one call or one bar",
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


def page() -> str:
    """The whole page."""
    tables = [re.sub(r"\n {8}", "\n", one) + ";" for step in schema.MIGRATIONS for one in step]
    return TEXT.format(
        application_id=schema.APPLICATION_ID,
        version=schema.VERSION,
        tables="\n".join(tables),
        columns="\n".join(f"| `{name}` | {COLUMNS[name]} |" for name in Event.__struct_fields__),
        example=EXAMPLE,
        events="\n\n".join(_section(body) for body in AnyBody.__args__),
    )


def _section(body: Any) -> str:  # noqa: ANN401 - one of the bodies
    version = "" if KNOWN[body.__name__] == 1 else f" (v {KNOWN[body.__name__]})"
    hints = typing.get_type_hints(body)
    rows = [
        f"| `{field.name}` | {_kind(hints[field.name])} | {_default(field)} |"
        for field in msgspec.structs.fields(body)
        if field.name != "v"
    ]
    meaning = re.sub(r"\n +", "\n", (body.__doc__ or "").strip())
    table = "\n".join(["| field | is | default |", "|---|---|---|", *rows])
    return f"### {body.__name__}{version}\n\n{meaning}\n\n{table}"


def _kind(kind: Any) -> str:  # noqa: ANN401 - any annotation
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{one}`" for one in arguments if one) + (", or empty" if "" in arguments else "")
    if typing.get_origin(kind) is types.UnionType:
        return " or ".join(_kind(one) for one in arguments if one is not type(None)) + ", or null"
    if typing.get_origin(kind) is tuple:
        return f"list of {_kind(arguments[0])}"
    if typing.get_origin(kind) is dict:
        return f"object of {_kind(arguments[1])}"
    return NAMES[kind]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is None:
        return "null"
    return "empty" if field.default in ("", ()) else f"`{str(field.default).replace('False', 'false')}`"


if __name__ == "__main__":
    main()
