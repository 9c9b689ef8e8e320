"""Homes to be copied: a lake with real prices, a database, secrets and loose files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pi5_pipelines.backup import backup_folder, manifests
from pi5_pipelines.backup.catalog import CATALOG, MANIFEST, pool_path
from pi5_pipelines.ingest import ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import IngestSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """Where the programs that tests start find the packages."""
    return ROOT


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as a night leaves it; tests get copies."""
    home = tmp_path_factory.mktemp("filled") / "home"
    settings = Settings(home=str(home), ingest=IngestSettings(sources=("sample",)))
    ingest(settings, Lake(settings.folder("lake")))
    for name in ("journal", "exports", "secrets"):
        (home / name).mkdir()
    with closing(sqlite3.connect(home / "journal" / "orders.sqlite")) as database:
        database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, symbol TEXT);")
        database.executemany("INSERT INTO orders (symbol) VALUES (?)", [("GOOG",), ("IBM",)])
        database.commit()
    (home / "exports" / "prices.csv").write_text("day,close\n2013-03-01,403.0\n")
    (home / "exports" / "trade-journal").write_text("bought GOOG\n")
    (home / "secrets").chmod(0o700)
    (home / "secrets" / "venue.key").write_text("hush")
    return home


@pytest.fixture
def settings(tmp_path: Path, filled: Path) -> Settings:
    """A filled home of the test's own."""
    shutil.copytree(filled, tmp_path / "home")
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """A home with one small file."""
    (tmp_path / "home" / "exports").mkdir(parents=True)
    (tmp_path / "home" / "exports" / "note.txt").write_text("first")
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture(scope="session")
def content() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its bytes, backups and locks left out."""

    def read(folder: Path) -> dict[str, bytes]:
        found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
        left_out = {"backups", ".locks"}
        return {name.as_posix(): path.read_bytes() for name, path in found.items() if not left_out & set(name.parts)}

    return read


@pytest.fixture(scope="session")
def kept() -> Callable[[Settings, str], Path]:
    """The pool's file that holds a file of the newest backup."""

    def find(settings: Settings, path: str) -> Path:
        folder = backup_folder(settings)
        (entry,) = [one for one in manifests(folder)[0].entries if one.path == path]
        return pool_path(folder, entry.sha256)

    return find


@pytest.fixture(scope="session")
def rot() -> Callable[[Path], None]:
    """Flip one bit in the middle of a file."""

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return flip


@pytest.fixture(scope="session")
def rewrite() -> Callable[..., None]:
    """Change fields of a manifest on disk."""

    def change(settings: Settings, backup_id: str, **fields: object) -> None:
        path = backup_folder(settings) / CATALOG / f"{backup_id}{MANIFEST}"
        document = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({**document, **fields}))

    return change
