"""`live-engine kill`: what it writes, what it answers, and that nothing wrong elsewhere keeps it from its work."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from live_engine import cli_kill
from live_engine.events import Event
from live_engine.risk.kill_file import KillRequest, ask, kill_file, new_nonce, take, waiting
from live_engine.risk.kill_switch import KillSwitch, fold_switch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from live_engine.events import KillSwitchRearmed, KillSwitchSet


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PI5_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "pi5.toml"
    path.write_text(f'home = "{tmp_path}/var"\n')
    return path


def kill(config: Path, *words: str, wait_s: float = 0) -> Result:
    return CliRunner().invoke(cli_kill.kill, [*words, "--config", str(config), "--wait", str(wait_s)])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[list[object]]:
    """An engine that looks for the file, and the events that it wrote down."""
    events: list[object] = []
    stop = threading.Event()
    switch = KillSwitch()

    async def write_down(body: KillSwitchSet | KillSwitchRearmed) -> None:
        nonlocal switch
        events.append(body)
        switch = fold_switch(switch, Event(seq=len(events), wall_ns=time.time_ns(), mono_ns=0, body=body))

    def loop() -> None:
        while not stop.wait(0.01):
            asyncio.run(take(tmp_path / "var", switch, write_down))

    thread = threading.Thread(target=loop)
    thread.start()
    yield events
    stop.set()
    thread.join()


@pytest.mark.parametrize("action", ["halt", "cancel-all", "flatten", "rearm"])
def test_without_an_engine_the_request_waits_and_the_code_is_3(config: Path, tmp_path: Path, action: str) -> None:
    before = time.time_ns()
    done = kill(config, action, "--reason", "storm")
    assert done.exit_code == 3
    assert done.output == (
        f"{action}: written to {tmp_path}/var/journal/kill, but no engine has taken it within 0 s; "
        "one that runs or starts there will, before it does anything else\n"
    )
    found = waiting(tmp_path / "var")
    assert found is not None
    assert (found.action, found.reason) == (action, "storm")
    assert found.actor
    assert len(found.nonce) == 32
    assert found.written_ns >= before


@pytest.mark.parametrize("action", ["halt", "cancel-all", "flatten", "rearm"])
def test_with_an_engine_it_is_taken_and_the_code_is_0(config: Path, engine: list[object], action: str) -> None:
    done = kill(config, action, wait_s=30)
    assert (done.exit_code, done.output) == (0, f"{action}: the engine has taken it\n")
    assert len(engine) == 1


def test_machines_get_the_answer_as_json(config: Path, tmp_path: Path) -> None:
    done = kill(config, "halt", "--json")
    answer = json.loads(done.output)
    assert done.exit_code == 3
    assert (answer["action"], answer["fate"], answer["file"]) == ("halt", "waiting", f"{tmp_path}/var/journal/kill")


def test_a_weaker_request_is_refused_with_code_2_and_one_line(config: Path, tmp_path: Path) -> None:
    kill(config, "flatten")
    done = kill(config, "rearm", "--json")
    assert done.exit_code == 2
    line, text = done.output.splitlines()
    assert line.startswith(f"error: {tmp_path}/var/journal/kill: flatten by ")
    assert json.loads(text)["error"]["hint"].startswith("start the engine")
    found = waiting(tmp_path / "var")
    assert found is not None
    assert found.action == "flatten"


def test_a_request_that_another_one_replaces_is_told_so(config: Path, tmp_path: Path) -> None:
    done: list[Result] = []
    thread = threading.Thread(target=lambda: done.append(kill(config, "halt", wait_s=30)))
    thread.start()
    while waiting(tmp_path / "var") is None:
        time.sleep(0.01)
    ask(tmp_path / "var", KillRequest("flatten", "bob", "why", new_nonce(), 1))
    thread.join(30)
    assert done[0].exit_code == 3
    assert "halt: another request has taken its place" in done[0].output


def test_a_wrong_key_elsewhere_does_not_keep_anybody_from_the_kill_switch(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + "[live]\nport = -1\n[live.risk]\nmax_daily_los = 5\n")
    assert kill(config, "flatten").exit_code == 3
    assert kill_file(tmp_path / "var").exists()


@pytest.mark.parametrize("text", ["home = 3", "[home"])
def test_without_a_home_it_says_what_is_wrong(config: Path, text: str) -> None:
    config.write_text(text)
    done = kill(config, "halt")
    assert done.exit_code == 2
    assert done.output.startswith(f"error: {config}")
    assert done.output.count("\n") == 1


def test_a_home_that_cannot_be_written_is_one_clear_line(config: Path, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    done = kill(config, "halt")
    assert done.exit_code == 2
    assert "the kill switch's file cannot be written" in done.output


def test_the_home_may_come_from_the_environment(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "other"))
    kill(config, "halt")
    assert kill_file(tmp_path / "other").exists()


def test_the_program_itself_answers_the_same(config: Path, tmp_path: Path) -> None:
    program = "from live_engine.cli_kill import kill; kill()"
    command = [sys.executable, "-c", program, "halt", "--config", str(config), "--wait", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout.startswith(f"halt: written to {tmp_path}/var/journal/kill")
