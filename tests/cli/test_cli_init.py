"""`pi5 init`: folders and a first pi5.toml, made once and kept ever after."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.cli.init import FOLDERS
from pi5_pipelines.cli.template import EXAMPLE, config_text
from pi5_pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from click.testing import Result


def test_the_folders_and_a_complete_configuration_are_made(home: Path, pi5: Callable[..., Result]) -> None:
    answer = pi5("init")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert sorted(path.name for path in home.iterdir()) == sorted(FOLDERS)
    assert (home / "secrets").stat().st_mode & 0o777 == 0o700
    assert Path("pi5.toml").read_text() == EXAMPLE.read_text()
    assert "pi5 ingest" in answer.stdout


def test_what_is_there_is_kept(home: Path, pi5: Callable[..., Result], snapshot: Callable[[], dict[str, str]]) -> None:
    assert pi5("init").exit_code == 0
    Path("pi5.toml").write_text("[lake]\nkeep_days = 9\n")
    (home / "inbox" / "A.csv").write_text("mine")
    before = snapshot()
    answer = pi5("init")
    assert answer.exit_code == 0
    assert "Kept pi5.toml" in answer.stdout
    assert "all folders were there" in answer.stdout
    assert Path("pi5.toml").read_text() == "[lake]\nkeep_days = 9\n"
    assert snapshot() == before


def test_config_says_where_the_configuration_goes(home: Path, pi5: Callable[..., Result]) -> None:
    assert pi5("--config", "sub/own.toml", "init").exit_code == 0
    assert Path("sub/own.toml").exists()
    assert not Path("pi5.toml").exists()
    assert home.is_dir()


def test_the_generated_configuration_holds_the_defaults(tmp_path: Path, home: Path) -> None:
    assert not home.exists()
    text = config_text(tmp_path / "no such example")
    (tmp_path / "made.toml").write_text(text)
    made = load_settings(tmp_path / "made.toml", {})
    assert made.instruments.keys() == {"default"}
    assert made.backtest == Settings().backtest
    assert made.ingest == Settings().ingest
    assert (made.lake, made.backup, made.schedule) == (Settings().lake, Settings().backup, Settings().schedule)


def test_a_wrong_override_is_found_before_anything_is_written(
    home: Path, pi5: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_LAKE_KEEP_DAYS", "many")
    answer = pi5("init")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: environment variable PI5_LAKE_KEEP_DAYS: ")
    assert answer.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []
    assert not home.exists()


def test_a_home_that_cannot_be_made_is_one_line(
    home: Path, pi5: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file")
    monkeypatch.setenv("PI5_HOME", os.fspath(home / "below"))
    for command in ("init", "ingest"):
        answer = pi5(command)
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert answer.stderr.startswith(f"error: {home}")
        assert "Not a directory" in answer.stderr
        assert answer.stderr.count("\n") == 1
