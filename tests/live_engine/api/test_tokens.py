"""Tokens at rest and their command line: shown once, stored as digests, readable by their owner alone."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from live_engine import cli_token
from live_engine.api.tokens import NS_PER_DAY, Tokens, tokens_file
from live_engine.errors import TokensError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tokens_file(tmp_path))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pi5.toml"
    path.write_text(f'home = "{tmp_path}"\n')
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli_token.token, [*words, "--config", str(config)], env={"PI5_HOME": None})


def test_a_token_has_256_bits_and_is_found_by_itself_alone(tokens: Tokens) -> None:
    secret = tokens.create("me", "trader", 30, NOW_NS)
    assert len(secret.removeprefix("pi5_")) == 43  # 32 bytes in base64
    found = tokens.find(secret)
    assert found is not None
    assert (found.name, found.role, found.expires_ns) == ("me", "trader", NOW_NS + 30 * NS_PER_DAY)
    for other in (secret[:-1], secret + "x", "", found.sha256):
        assert tokens.find(other) is None


def test_what_is_stored_opens_nothing_and_is_its_owners_alone(tokens: Tokens) -> None:
    secret = tokens.create("me", "admin", 30, NOW_NS)
    assert secret not in tokens.path.read_text()
    assert tokens.path.stat().st_mode & 0o777 == 0o600
    assert tokens.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_token_is_good_until_it_expires_or_is_revoked(tokens: Tokens) -> None:
    tokens.create("me", "viewer", 1, NOW_NS)
    (token,) = tokens.all()
    assert token.is_good(NOW_NS + NS_PER_DAY - 1)
    assert not token.is_good(NOW_NS + NS_PER_DAY)
    assert not tokens.revoke("me", NOW_NS + 1).is_good(NOW_NS + 2)
    with pytest.raises(TokensError, match="no token 'me' stands"):
        tokens.revoke("me", NOW_NS + 3)


def test_a_name_is_free_again_once_its_token_opens_nothing(tokens: Tokens) -> None:
    tokens.create("me", "viewer", 1, NOW_NS)
    with pytest.raises(TokensError, match="there is a token 'me' already"):
        tokens.create("me", "viewer", 1, NOW_NS)
    tokens.revoke("me", NOW_NS + 1)
    tokens.create("me", "viewer", 1, NOW_NS + 2)
    assert len(tokens.all()) == 2


def test_what_another_process_changed_is_seen(tokens: Tokens) -> None:
    secret = tokens.create("me", "viewer", 1, NOW_NS)
    Tokens(tokens.path).revoke("me", NOW_NS + 1)
    found = tokens.find(secret)
    assert found is not None
    assert found.revoked_ns == NOW_NS + 1


def test_makers_at_the_same_time_lose_nothing(tokens: Tokens) -> None:
    def make(number: int) -> None:
        Tokens(tokens.path).create(f"t{number}", "viewer", 1, NOW_NS)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {token.name for token in tokens.all()} == {f"t{number}" for number in range(8)}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"tokens": [{"name": "x"}]}'])
def test_a_damaged_file_is_refused_and_left_as_it_is(tokens: Tokens, text: str) -> None:
    tokens.create("me", "viewer", 1, NOW_NS)
    tokens.path.write_text(text)
    fresh = Tokens(tokens.path)
    with pytest.raises(TokensError, match="is damaged"):
        fresh.find("x")
    with pytest.raises(TokensError, match="is damaged"):
        fresh.create("other", "viewer", 1, NOW_NS)
    assert tokens.path.read_text() == text


def test_a_file_that_others_can_read_is_refused(tokens: Tokens) -> None:
    tokens.create("me", "viewer", 1, NOW_NS)
    tokens.path.chmod(0o644)
    with pytest.raises(TokensError, match="can be read by others"):
        tokens.all()


def test_a_device_that_takes_no_more_leaves_the_old_tokens(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tokens.create("me", "viewer", 1, NOW_NS)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TokensError, match="cannot be written: No space left on device"):
        tokens.create("other", "viewer", 1, NOW_NS)
    assert Tokens(tokens.path).find(secret) is not None


def test_the_command_line_prints_a_token_once(config: Path, tmp_path: Path) -> None:
    made = run(config, "create", "--role", "trader", "--days", "7")
    assert made.exit_code == 0
    secret = made.stdout.strip()
    found = Tokens(tokens_file(tmp_path)).find(secret)
    assert found is not None
    assert (found.name, found.role) == ("trader", "trader")
    assert "not shown again" in made.stderr
    listed = run(config, "list")
    assert listed.stdout.startswith("trader  trader  good  expires ")
    assert secret not in listed.output


def test_tokens_without_a_name_get_that_of_their_role(config: Path) -> None:
    made = [json.loads(run(config, "create", "--role", "viewer", "--json").stdout) for _ in range(3)]
    assert [one["name"] for one in made] == ["viewer", "viewer-2", "viewer-3"]
    assert len({one["token"] for one in made}) == 3


def test_the_command_line_revokes(config: Path) -> None:
    run(config, "create", "--role", "admin", "--name", "me")
    assert run(config, "revoke", "--name", "me").stdout == "admin token 'me' is revoked\n"
    assert json.loads(run(config, "list", "--json").stdout)["tokens"][0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "--role", "king"], 2),
        (["create", "--role", "viewer", "--days", "0"], 2),
        (["create", "--role", "viewer", "--name", "a\nb"], 2),
        (["create"], 2),
        (["revoke", "--name", "nobody"], 1),
    ],
)
def test_wrong_words_end_with_a_code(config: Path, words: list[str], code: int) -> None:
    assert run(config, *words).exit_code == code


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path / "none.toml", "create", "--role", "viewer")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
