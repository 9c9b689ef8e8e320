"""The live engine installed as deploy/systemd/README.md tells, on a machine that systemd has booted."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.systemd.machine import CannotBootError, Machine, booted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ("deploy", "docs", "live_engine", "trading", "pi5.example.toml")
UNIT = "live-engine.service"
CONFIG, HOME, VENV = "/etc/pi5/pi5.toml", "/var/lib/pi5", "/opt/pi5/.venv"
PATIENCE_S = 40.0
# Prices without end, an hour of them in six seconds.
WITHOUT_END = (('prices = "export"', 'prices = "simulated"'), ("speed = 86400.0", "speed = 600.0"))
TRADES = """
[[live.strategies]]
name = "sma_cross"
symbol = "ABC"
timeframe = "1m"
params = { fast = 2, slow = 4 }
"""


@dataclass(frozen=True)
class Service:
    """The unit on a machine."""

    machine: Machine

    def start(self, *, may_fail: bool = False) -> None:
        """Start it, and wait until systemd calls it started."""
        self.machine.run("systemctl", "start", UNIT, may_fail=may_fail)

    def signal(self, name: str) -> None:
        """Send a signal to the engine's process."""
        self.machine.run("systemctl", "kill", "--kill-who=main", f"--signal={name}", UNIT)

    def property(self, name: str) -> str:
        """What systemd knows of it."""
        return self.machine.run("systemctl", "show", UNIT, f"--property={name}", "--value")

    def log(self, *options: str) -> list[str]:
        """Messages about it in systemd's journal, the oldest first."""
        return self.machine.run("journalctl", "--output=cat", "--quiet", f"--unit={UNIT}", *options).splitlines()

    def said(self) -> list[str]:
        """Those that the engine itself has printed."""
        return self.log("--identifier=live-engine")

    def engine(self, *command: str) -> str:
        """What a command of the engine prints, run as the user whose journal it is."""
        program = ["runuser", "-u", "pi5", "--", f"{VENV}/bin/live-engine", *command]
        return self.machine.run(*program, "--config", CONFIG)

    def events(self) -> list[dict[str, Any]]:
        """Everything in the engine's journal."""
        return [json.loads(line) for line in self.engine("journal", "tail", "--json", "-n", "1000000").splitlines()]

    def bars(self) -> list[dict[str, Any]]:
        """The bars among them."""
        return [event for event in self.events() if event["body"]["type"] == "BarClosed"]

    def changed(self, **settings: str) -> None:
        """Lay settings of [Service] over those of the unit, until the test ends."""
        lines = "\n".join(f"{name}={value}" for name, value in settings.items())
        self.machine.write(f"/run/systemd/system/{UNIT}.d/test.conf", f"[Service]\n{lines}\n")
        self.machine.run("systemctl", "daemon-reload")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, f"{what} has not come; the log:\n" + "\n".join(self.log())
            time.sleep(0.1)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A machine with the engine installed, its settings those of the example with one strategy more."""
    packages = Path(sysconfig.get_path("purelib"))
    places = {ROOT / name: f"/opt/pi5/{name}" for name in INSTALLED}
    try:
        with booted({**places, packages: "/opt/packages"}) as machine:
            put_venv(machine)
            as_told, check_and_start = shell_blocks()[1:3]
            machine.run("sh", "-e", given=as_told)
            settings = machine.run("cat", CONFIG)
            for told, wanted in WITHOUT_END:
                assert told in settings
                settings = settings.replace(told, wanted)
            machine.write(CONFIG, settings + TRADES)
            machine.run("sh", "-e", given=check_and_start)
            yield machine
    except CannotBootError as error:
        pytest.skip(f"no machine with systemd can be had: {error}")


def put_venv(machine: Machine) -> None:
    """An environment as `make setup` leaves it, but with the libraries of this one."""
    machine.run("python3", "-m", "venv", "--without-pip", VENV)
    site = machine.run(f"{VENV}/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    machine.write(f"{site}/pi5.pth", "/opt/pi5\n/opt/packages\n")
    program = (Path(sys.prefix) / "bin" / "live-engine").read_text(encoding="utf-8")
    machine.write(f"{VENV}/bin/live-engine", re.sub(r"\A#!.*", f"#!{VENV}/bin/python", program))
    machine.run("chmod", "0755", f"{VENV}/bin/live-engine")


def shell_blocks() -> Sequence[str]:
    """The commands that the page on installing tells to type."""
    page = (ROOT / "deploy" / "systemd" / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """The service, stopped, with an empty home and an empty log."""
    settings = machine.run("cat", CONFIG)
    service = Service(machine)
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed", UNIT, may_fail=True)
    machine.run("find", HOME, "-mindepth", "1", "-delete")
    machine.run("journalctl", "--rotate", "--vacuum-time=1us")
    yield service
    machine.run("systemctl", "kill", "--signal=KILL", UNIT, may_fail=True)
    machine.run("systemctl", "stop", UNIT)
    machine.run("rm", "-rf", f"/run/systemd/system/{UNIT}.d", "/etc/credstore")
    machine.run("systemctl", "daemon-reload")
    machine.write(CONFIG, settings)
