"""Tables of a sweep as Parquet, written with nothing but numpy: a chunk is one row group, a table is many.

A library that writes Parquet takes more memory than the whole sweep. The format's plainest form is enough here (plain
values, no compression, one page a column), it is the same to the byte every time, and row groups are joined by
copying them: https://parquet.apache.org/docs/file-format/.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from pi5_pipelines.sweep.thrift import BINARY, I32, I64, LIST, STRUCT, Reader, encode, varint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"PAR1"
TAIL = 8  # the footer's length, then the magic
BOOLEAN, INT64, DOUBLE, BYTE_ARRAY = 0, 2, 5, 6
REQUIRED, OPTIONAL = 0, 1
PLAIN, RLE = 0, 3
UTF8 = 0
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and values: a float array (NaN is written as null), an int64 or bool array, or texts or None.

    A float array that is `whole` becomes integers.
    """

    name: str
    values: NDArray[Any] | Sequence[str | None]
    whole: bool = False

    @property
    def kind(self) -> int:
        """Parquet's physical type."""
        name = getattr(getattr(self.values, "dtype", None), "name", "text")
        return INT64 if self.whole else {"float64": DOUBLE, "int64": INT64, "bool": BOOLEAN, "text": BYTE_ARRAY}[name]

    @property
    def nullable(self) -> bool:
        """Whether null may stand in it."""
        return self.whole or self.kind in {DOUBLE, BYTE_ARRAY}


def table_bytes(columns: Sequence[Column]) -> bytes:
    """A whole Parquet file of one row group."""
    body = bytearray(MAGIC)
    chunks = []
    for column in columns:
        page = _page(column)
        chunks.append(_chunk(column.name, column.kind, len(column.values), len(page), len(body)))
        body += page
    rows = len(columns[0].values)
    groups = [_group(chunks, len(body) - len(MAGIC), rows)]
    footer = _footer([_element(column.name, column.kind, nullable=column.nullable) for column in columns], groups, rows)
    return bytes(body) + footer


def _page(column: Column) -> bytes:
    import numpy as np

    levels = b""
    values = column.values
    if column.nullable:
        if column.kind == BYTE_ARRAY:
            known = np.array([one is not None for one in values], dtype=bool)
        else:
            known = ~np.isnan(np.asarray(values, dtype=np.float64))
        bits = np.packbits(known, bitorder="little").tobytes()
        run = varint(len(bits) << 1 | 1) + bits  # one run of groups of eight levels
        levels = struct.pack("<I", len(run)) + run
        if column.kind != BYTE_ARRAY:
            values = np.asarray(values)[known].astype(np.int64 if column.whole else np.float64)
    if column.kind == BYTE_ARRAY:
        texts = [one.encode() for one in values if one is not None]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    elif column.kind == BOOLEAN:
        data = np.packbits(np.asarray(values), bitorder="little").tobytes()
    else:
        data = np.ascontiguousarray(values).tobytes()
    size = len(levels) + len(data)
    about = [(1, I32, len(column.values)), (2, I32, PLAIN), (3, I32, RLE), (4, I32, RLE)]
    return encode([(1, I32, 0), (2, I32, size), (3, I32, size), (5, STRUCT, about)]) + levels + data


def _element(name: str, kind: int, *, nullable: bool) -> list[tuple[int, int, Any]]:
    fields = [(1, I32, kind), (3, I32, OPTIONAL if nullable else REQUIRED), (4, BINARY, name.encode())]
    return [*fields, (6, I32, UTF8)] if kind == BYTE_ARRAY else fields


def _chunk(name: str, kind: int, values: int, size: int, offset: int) -> list[tuple[int, int, Any]]:
    about = [
        (1, I32, kind),
        (2, LIST, (I32, [PLAIN, RLE])),
        (3, LIST, (BINARY, [name.encode()])),
        (4, I32, 0),
        (5, I64, values),
        (6, I64, size),
        (7, I64, size),
        (9, I64, offset),
    ]
    return [(2, I64, offset), (3, STRUCT, about)]


def _group(chunks: Sequence[Any], size: int, rows: int) -> list[tuple[int, int, Any]]:
    return [(1, LIST, (STRUCT, list(chunks))), (2, I64, size), (3, I64, rows)]


def _footer(elements: Sequence[Any], groups: Sequence[Any], rows: int) -> bytes:
    root = [(4, BINARY, b"schema"), (5, I32, len(elements))]
    footer = encode(
        [
            (1, I32, 1),
            (2, LIST, (STRUCT, [root, *elements])),
            (3, I64, rows),
            (4, LIST, (STRUCT, list(groups))),
            (6, BINARY, b"pi5"),
        ]
    )
    return footer + struct.pack("<I", len(footer)) + MAGIC


def read_footer(path: Path) -> dict[int, Any]:
    """The footer of a file of ours, by Thrift's field numbers; raises ValueError when it is none."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        tail = file.read(TAIL)
        if size < len(MAGIC) + TAIL or tail[4:] != MAGIC:
            raise ValueError(f"{path.name} is no whole Parquet file")
        length = struct.unpack("<I", tail[:4])[0]
        if length > size - TAIL:
            raise ValueError(f"{path.name} is no whole Parquet file")
        file.seek(size - TAIL - length)
        return Reader(file.read(length)).struct()


def row_count(path: Path) -> int:
    """The rows of a file of ours."""
    return int(read_footer(path)[3])


def read_columns(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Columns of a file of one row group: arrays (NaN for null), or a list of texts; raises ValueError."""
    footer = read_footer(path)
    wanted = set(names)
    optional = {one[4].decode() for one in footer[2][1:] if one[3] == OPTIONAL}
    found = {}
    with path.open("rb") as file:
        for chunk in footer[4][0][1]:
            about = chunk[3]
            name = about[3][0].decode()
            if name in wanted:
                file.seek(about[9])
                found[name] = _values(file.read(about[7]), about[1], about[5], nullable=name in optional)
    return found


def _values(page: bytes, kind: int, rows: int, *, nullable: bool) -> Any:  # noqa: ANN401 - as the kind says
    import numpy as np

    reader = Reader(page)
    reader.struct()
    at = reader.at
    if kind == INT64 and not nullable:
        return np.frombuffer(page, dtype=np.int64, count=rows, offset=at)
    if kind == BOOLEAN:
        bits = np.frombuffer(page, dtype=np.uint8, offset=at)
        return np.unpackbits(bits, count=rows, bitorder="little").astype(bool)
    levels = struct.unpack_from("<I", page, at)[0]
    size = (rows + 7) // 8
    bits = np.frombuffer(page, dtype=np.uint8, count=size, offset=at + 4 + levels - size)
    known = np.unpackbits(bits, count=rows, bitorder="little").astype(bool)
    at += 4 + levels
    if kind in {DOUBLE, INT64}:
        values = np.full(rows, np.nan)
        values[known] = np.frombuffer(page, dtype=np.float64 if kind == DOUBLE else np.int64, offset=at)
        return values
    texts: list[str | None] = []
    for there in known.tolist():
        if not there:
            texts.append(None)
            continue
        length = struct.unpack_from("<I", page, at)[0]
        texts.append(page[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


def join(paths: Sequence[Path], out: BinaryIO) -> int:
    """Write the row groups of files with the same columns as one file; answers the rows."""
    at = out.write(MAGIC)
    groups, rows, elements = [], 0, []
    for path in paths:
        footer = read_footer(path)
        elements = [_element(one[4].decode(), one[1], nullable=one[3] == OPTIONAL) for one in footer[2][1:]]
        for group in footer[4]:
            abouts = [chunk[3] for chunk in group[1]]
            first = abouts[0][9]
            moved = [_chunk(a[3][0].decode(), a[1], a[5], a[7], a[9] - first + at) for a in abouts]
            groups.append(_group(moved, group[2], group[3]))
            rows += group[3]
            with path.open("rb") as file:
                file.seek(first)
                left = group[2]
                while left:
                    left -= out.write(file.read(min(left, COPY_BYTES)))
            at += group[2]
    out.write(_footer(elements, groups, rows))
    return rows
