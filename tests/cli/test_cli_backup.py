"""`pi5 backup`: made, listed, verified and restored; damage is named, and nothing that is there is overwritten."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.journal.reader import JournalReader
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


@pytest.fixture
def kept(lake_home: Path, monkeypatch: pytest.MonkeyPatch, document: Callable[..., Any]) -> dict[str, Any]:
    """A backup of a filled home, in a folder outside it."""
    monkeypatch.setenv("PI5_BACKUP_FOLDER", str(lake_home.parent / "backups"))
    made: dict[str, Any] = document("backup", "create", "--json")
    return made


def flip_a_byte(home: Path) -> Path:
    """Change one byte in the largest content of the backups; answers its file."""
    pool = home.parent / "backups" / "pool"
    path = max((path for path in pool.glob("??/*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def test_a_backup_is_made_verified_and_listed(
    kept: dict[str, Any], document: Callable[..., Any], pi5: Callable[..., Result]
) -> None:
    assert kept["verified"]["good"]
    assert kept.pop("unreadable") == []
    assert kept.pop("unmoved") == ""
    assert kept["tables"]["bars_1d"] == {"version": 0, "rows": 11_958}
    assert document("backup", "list", "--json")["backups"] == [kept]
    again = document("backup", "create", "--json")
    assert again["new_bytes"] == 0
    assert [one["id"] for one in document("backup", "list", "--json")["backups"]] == [again["id"], kept["id"]]
    assert kept["id"] in pi5("backup", "list").stdout
    assert document("status", "--json")["backup"]["id"] == again["id"]


def test_the_engines_journal_is_told_how_far_a_backup_has_it(
    home: Path, document: Callable[..., Any], pi5: Callable[..., Result]
) -> None:
    last_seq = write(home / "journal" / "live.sqlite", 1, 3)
    made = document("backup", "create", "--json")
    with JournalReader(home / "journal" / "live.sqlite") as reader:
        assert made["journal"] == {"epoch": reader.epoch(), "place": last_seq}
        assert reader.consumers() == {"backup": last_seq}
    assert "Retention" not in pi5("backup", "verify").stdout


def test_a_manifest_that_cannot_be_read_is_named_and_stops_no_backup(
    kept: dict[str, Any], document: Callable[..., Any], pi5: Callable[..., Result], home: Path
) -> None:
    broken = home.parent / "backups" / "catalog" / f"{kept['id']}.json"
    broken.write_text("{")
    made = document("backup", "create", "--json")
    assert made["new_bytes"] == 0
    (told,) = made["unreadable"]
    assert told.startswith(f"{broken}: the manifest cannot be read")
    assert document("backup", "list", "--json")["unreadable"] == [told]
    assert told in pi5("backup", "list").stdout
    assert "BAD: " in pi5("backup", "create").stdout
    assert document("status", "--json")["backup"] == {"id": None, "problem": told}


def test_without_a_backup_the_list_says_how_to_make_one(
    lake_home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    assert lake_home.exists()
    assert document("backup", "list", "--json")["backups"] == []
    assert "Next: pi5 backup create" in pi5("backup", "list").stdout


@pytest.mark.parametrize("options", [[], ["--full"]])
def test_a_good_backup_verifies(
    kept: dict[str, Any], document: Callable[..., Any], pi5: Callable[..., Result], options: list[str]
) -> None:
    found = document("backup", "verify", kept["id"][:12], *options, "--json")
    assert (found["id"], found["verified"]["good"], found["verified"]["full"]) == (kept["id"], True, bool(options))
    assert f"Backup {kept['id']} is good" in pi5("backup", "verify", *options).stdout


@pytest.mark.parametrize("options", [[], ["--full"]])
def test_a_flipped_byte_is_named_and_remembered(
    home: Path, kept: dict[str, Any], pi5: Callable[..., Result], document: Callable[..., Any], options: list[str]
) -> None:
    damaged = flip_a_byte(home)
    answer = pi5("backup", "verify", *options)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"error: {damaged}: ")
    assert "its content has changed" in answer.stderr
    assert answer.stderr.count("\n") == 1
    (listed,) = document("backup", "list", "--json")["backups"]
    assert listed["id"] == kept["id"]
    assert not listed["verified"]["good"]
    assert "BAD" in pi5("status").stdout


def test_a_damaged_backup_is_not_restored(home: Path, kept: dict[str, Any], refused: Callable[..., str]) -> None:
    damaged = flip_a_byte(home)
    target = home.parent / "back"
    assert f"error: {damaged}: " in refused("backup", "restore", kept["id"], "--to", str(target), code=1)
    assert not target.exists()


def test_a_deleted_home_comes_back_as_it_was(
    home: Path,
    kept: dict[str, Any],
    pi5: Callable[..., Result],
    document: Callable[..., Any],
    content: Callable[[Path], dict[str, str]],
    snapshot: Callable[[], dict[str, str]],
) -> None:
    versions, before, files = document("data", "versions", "--json"), content(home), snapshot()
    shutil.rmtree(home)
    answer = pi5("backup", "restore", "latest", "--to", str(home))
    assert answer.exit_code == 0, answer.stderr
    assert f"Restored {kept['id']} to {home}:" in answer.stdout
    assert document("data", "versions", "--json") == versions
    assert content(home) == before
    expected = {path: digest for path, digest in files.items() if ".locks" not in path}
    assert {path: digest for path, digest in snapshot().items() if ".locks" not in path} == expected


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    home: Path, kept: dict[str, Any], refused: Callable[..., str]
) -> None:
    assert refused("backup", "restore", kept["id"], "--to", str(home), code=1) == (
        f"error: {home}: is not empty (give another folder, or --force to move it aside)"
    )


def test_force_moves_what_was_there_aside(home: Path, kept: dict[str, Any], pi5: Callable[..., Result]) -> None:
    (home / "inbox" / "later.txt").write_text("after the backup")
    answer = pi5("backup", "restore", kept["id"], "--to", str(home), "--force", "--json")
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["restored_to"] == str(home)
    assert not (home / "inbox" / "later.txt").exists()
    (aside,) = home.parent.glob("home.before-restore-*")
    assert (aside / "inbox" / "later.txt").read_text() == "after the backup"


@pytest.mark.parametrize("wanted", ["nope", "2", "20991231T000000-ffffff"])
def test_an_unknown_id_is_refused_with_those_there_are(
    kept: dict[str, Any], refused: Callable[..., str], wanted: str
) -> None:
    for command in (["verify", wanted], ["restore", wanted, "--to", "back"]):
        assert f"no backup with id {wanted!r} (there are: {kept['id']})" in refused("backup", *command, code=1)
    assert not Path("back").exists()


def test_latest_without_any_backup_is_refused(lake_home: Path, refused: Callable[..., str]) -> None:
    assert lake_home.exists()
    assert "no backup with id 'latest' (there are: none)" in refused("backup", "verify", code=1)
