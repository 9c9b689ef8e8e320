"""`live-engine journal`: what each command answers, to people and to machines, and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from live_engine.errors import SettingsError
from live_engine.events import KillSwitchRearmed, KillSwitchSet
from live_engine.journal.writer import Journal
from live_engine.settings import load_home

SECOND_NS = 1_700_000_000_250_000_000  # 2023-11-14T22:13:20.25Z
COMMAND = [sys.executable, "-m", "live_engine", "journal"]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PI5_")}


def run(config: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments, "--config", str(config)]
    return subprocess.run(command, env=ENVIRON | environ, capture_output=True, text=True, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pi5.toml"
    path.write_text(f'home = "{tmp_path / "home"}"\n')
    return path


@pytest.fixture
def file(config: Path) -> Path:
    """A journal of three events."""
    path = load_home(config, {}) / "journal" / "live.sqlite"
    with Journal(path, wall_ns=lambda: SECOND_NS) as journal:
        journal.append(
            [KillSwitchSet(action="halt", actor="ann", reason="Büro brennt"), KillSwitchRearmed(actor="tom")]
        )
        journal.append([KillSwitchSet(action="flatten", actor="ann", reason="again")]).result()
    return path


def test_a_whole_journal_is_said_to_be_whole(config: Path, file: Path) -> None:
    done = run(config, "verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file} is whole: 3 events, 1 to 3\n"
    told = json.loads(run(config, "verify", "--json").stdout)
    assert (told["events"], told["last_seq"], told["problems"], len(told["epoch"])) == (3, 3, [], 32)


def test_a_damaged_journal_ends_with_code_1(config: Path, file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data.replace(b"brennt", b"rennt!"))
    done = run(config, "verify")
    assert done.returncode == 1
    assert f"error: {file}, event 1: its body is not what was written" in done.stderr
    assert "is damaged: 0 events" in done.stdout
    assert run(config, "tail").returncode == 1


@pytest.mark.parametrize("command", [("verify",), ("tail",), ("export",), ("search", "word")])
def test_a_missing_journal_ends_with_code_1_and_one_line(config: Path, command: tuple[str, ...]) -> None:
    done = run(config, *command, "--json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert json.loads(done.stdout)["error"]["what"] == "there is no journal"


@pytest.mark.parametrize("command", [("verify",), ("tail",), ("export",), ("search", "word")])
def test_a_wrong_configuration_ends_with_code_2(config: Path, command: tuple[str, ...]) -> None:
    config.write_text("home = 3\n")
    done = run(config, *command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {config}, line 1: key 'home': expected `str`, got `int`")


def test_the_tail_shows_the_last_events(config: Path, file: Path) -> None:
    assert file.exists()
    done = run(config, "tail", "-n", "2")
    assert done.stdout.splitlines() == [
        '2 2023-11-14T22:13:20.250000Z KillSwitchRearmed actor="tom"',
        '3 2023-11-14T22:13:20.250000Z KillSwitchSet action="flatten" actor="ann" reason="again"',
    ]
    lines = [json.loads(line) for line in run(config, "tail", "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert lines[0]["body"]["reason"] == "Büro brennt"


def test_a_tail_that_follows_shows_each_new_event(config: Path, file: Path) -> None:
    command = [*COMMAND, "tail", "--follow", "-n", "1", "--config", str(config)]
    with (
        Journal(file) as journal,
        subprocess.Popen(command, env=ENVIRON | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True) as tail,
    ):
        assert tail.stdout is not None
        assert tail.stdout.readline().startswith("3 ")
        journal.append([KillSwitchRearmed(actor="ann")]).result()
        assert 'KillSwitchRearmed actor="ann"' in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 0


def test_closed_days_are_exported_below_the_home(config: Path, file: Path) -> None:
    (written,) = json.loads(run(config, "export", "--json").stdout)["files"]
    folder = file.parents[1] / "exports" / "journal"
    assert Path(written).relative_to(folder).name == "2023-11-14.jsonl"
    assert Path(written).read_bytes().count(b"\n") == 3
    assert run(config, "export").stdout == "every day that is over is written already\n"


def test_words_are_searched_for(config: Path, file: Path) -> None:
    assert file.exists()
    assert [line[0] for line in run(config, "search", "ann", "KillSwitchSet").stdout.splitlines()] == ["1", "3"]
    assert json.loads(run(config, "search", "buro", "--json").stdout)["seq"] == 1
    none = run(config, "search", "nobody")
    assert (none.returncode, none.stdout) == (0, "")
    assert run(config, "search", "...").returncode == 1


def test_the_home_is_that_of_the_file_or_the_environments(config: Path, tmp_path: Path) -> None:
    assert load_home(config, {}) == tmp_path / "home"
    assert load_home(config, {"PI5_HOME": "7"}) == Path.cwd() / "7"
    config.write_text("")
    assert load_home(config, {}) == Path.cwd() / "var"
    config.write_text('home = ["x"]')
    with pytest.raises(SettingsError, match="key 'home'"):
        load_home(config, {})
