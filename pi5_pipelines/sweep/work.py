"""A sweep's folder: finished chunks, each a durable Parquet file named by its content, and combinations given up."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.durable import replace_durably, write_bytes_durably
from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.parquet import join, row_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = re.compile(r"chunk-(\d{6})-(\d{10})-([0-9a-f]{16})\.parquet")
GIVEN_UP = "given-up.json"
LOCK = "lock"


class WorkFolder:
    """Chunks are told by leg and number; a file whose content is not that of its name counts as not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.chunks: dict[tuple[int, int], Path] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out; raises SweepError when one is in."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise SweepError(
                    "the very same sweep is running already", where=str(self.root), hint="wait for it, or stop it"
                ) from error
            yield

    def find_chunks(self) -> int:
        """Take in what an earlier run finished, removing what is torn; answers how many chunks there are."""
        self.chunks = {}
        for path in sorted(self.root.iterdir()):
            match = NAME.fullmatch(path.name)
            if match and _digest(path.read_bytes()) == match[3] and _is_whole(path):
                self.chunks[int(match[1]), int(match[2])] = path
            elif match or path.suffix == ".tmp":
                path.unlink()
        return len(self.chunks)

    def put(self, leg: int, number: int, table: bytes) -> Path:
        """Keep a finished chunk; it is there whole or not at all."""
        path = self.root / f"chunk-{leg:06d}-{number:010d}-{_digest(table)}.parquet"
        write_bytes_durably(path, table)
        self.chunks[leg, number] = path
        return path

    def paths(self, leg: int | None = None) -> list[Path]:
        """The chunks of one leg, or of all, in the order of their combinations."""
        return [self.chunks[key] for key in sorted(self.chunks) if leg in {None, key[0]}]

    def given_up(self) -> dict[tuple[int, int], str]:
        """Combinations, by leg and number, that hung or killed the process, with what happened."""
        try:
            rows = msgspec.json.decode((self.root / GIVEN_UP).read_bytes(), type=list[tuple[int, int, str]])
        except (OSError, msgspec.MsgspecError):
            return {}
        return {(leg, number): reason for leg, number, reason in rows}

    def give_up(self, leg: int, number: int, reason: str) -> None:
        """Note a combination that shall not be tried again."""
        known = {**self.given_up(), (leg, number): reason}
        rows = [(*key, told) for key, told in sorted(known.items())]
        write_bytes_durably(self.root / GIVEN_UP, msgspec.json.encode(rows))

    def write_table(self, out: Path) -> int:
        """Join all chunks into one file, there whole or not at all; answers its rows."""
        return join_durably(self.paths(), out)

    def remove(self) -> None:
        """Take the folder away: the sweep is done."""
        shutil.rmtree(self.root, ignore_errors=True)


def join_durably(paths: Sequence[Path], out: Path) -> int:
    """Write the row groups of chunks as one Parquet file; a device or a pipe is written into, never replaced."""
    if out.exists() and not out.is_file():
        with out.open("wb") as file:
            return join(paths, file)
    out = out.resolve()
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            rows = join(paths, file)
        temporary.chmod(0o644)
        replace_durably(temporary, out)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return rows


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _is_whole(path: Path) -> bool:
    try:
        row_count(path)
    except (OSError, ValueError, KeyError):
        return False
    return True
