"""The kernel's figures are read as it writes them, and are unknown, not zero, where they are hidden."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from live_engine.vitals.host import read_host
from live_engine.vitals.readings import Host

if TYPE_CHECKING:
    from pathlib import Path

PI = {
    "proc/self/status": "Name:\tlive-engine\nVmPeak:\t  123 kB\nVmRSS:\t   35840 kB\nThreads:\t2\n",
    "proc/meminfo": "MemTotal:        8245432 kB\nMemFree:  100 kB\nMemAvailable:    6123456 kB\n",
    "sys/class/thermal/thermal_zone0/temp": "61250\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n",
    "run/systemd/timesync/synchronized": "",
    "proc/pressure/cpu": "some avg10=12.50 avg60=1.00 avg300=0.10 total=99\n",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=7.00 avg60=0 avg300=0 total=0\n",
}


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """A Raspberry Pi's files."""
    root = tmp_path / "root"
    for name, content in PI.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_a_pis_files_are_read(pi: Path) -> None:
    found = read_host(pi, pi)
    assert found.rss_bytes == 35_840 * 1_024
    assert found.memory_available_bytes == 6_123_456 * 1_024
    assert found.temperature_c == 61.25
    assert found.undervoltage is True
    assert found.clock_synchronised is True
    assert found.pressure == {"cpu": 0.125, "io": 0.0}


def test_other_states_are_told_from_unknown_ones(pi: Path) -> None:
    (pi / "sys/class/hwmon/hwmon2/in0_lcrit_alarm").write_text("0\n")
    (pi / "run/systemd/timesync/synchronized").unlink()
    (pi / "sys/class/thermal/thermal_zone0/temp").write_text("-5000\n")
    found = read_host(pi, pi)
    assert (found.undervoltage, found.clock_synchronised, found.temperature_c) == (False, False, -5.0)


def test_what_is_hidden_or_nonsense_is_unknown(pi: Path, tmp_path: Path) -> None:
    assert read_host(tmp_path / "nowhere", tmp_path / "empty") == Host()
    for name in PI:
        (pi / name).write_bytes(b"\xff\x00 nonsense\n")
    shutil.rmtree(pi / "run")
    found = read_host(tmp_path / "nowhere", pi)
    assert found == Host()


def test_the_disk_is_that_under_the_home(tmp_path: Path) -> None:
    found = read_host(tmp_path)
    expected = os.statvfs(tmp_path)
    assert found.disk_free_bytes is not None
    assert found.disk_free_bytes == pytest.approx(expected.f_bavail * expected.f_frsize, rel=0.2)
    assert found.disk_free_ratio is not None
    assert 0 < found.disk_free_ratio <= 1


def test_this_machines_memory_is_read() -> None:
    from pathlib import Path

    found = read_host(Path("/"))
    assert found.rss_bytes is not None
    assert 1_000_000 < found.rss_bytes < 10_000_000_000
    assert found.memory_available_bytes is not None
    assert found.memory_available_bytes > 0
