"""What the kernel says of this process, of its machine and of the disk under its home.

Each figure is read by itself: under a strict systemd unit some of these files are hidden, and on other machines there
are no such sensors. Whether the clock is synchronised is taken from systemd-timesyncd's mark alone. The kernel's own
answer (adjtimex) would know of chrony too, but the system calls that such a unit allows do not hold it, and asking
for it ends the process.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from live_engine.vitals.readings import Host

KIB = 1_024
RESOURCES = ("cpu", "io", "memory")
LARGEST = 65_536


def read_host(home: Path, root: Path = Path("/")) -> Host:
    """Everything at once. It takes a millisecond, and without end when the disk hangs: call it in a thread."""
    free, ratio = _disk(home)
    return Host(
        rss_bytes=_kib(root / "proc/self/status", "VmRSS"),
        memory_available_bytes=_kib(root / "proc/meminfo", "MemAvailable"),
        disk_free_bytes=free,
        disk_free_ratio=ratio,
        temperature_c=_temperature(root / "sys/class/thermal/thermal_zone0/temp"),
        undervoltage=_undervoltage(root / "sys/class/hwmon"),
        clock_synchronised=_synchronised(root / "run/systemd/timesync"),
        pressure=_pressure(root / "proc/pressure"),
    )


def _text(path: Path) -> str:
    """What a file of the kernel says; nothing where it is hidden, not there or refuses."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _kib(path: Path, name: str) -> int | None:
    found = re.search(rf"^{name}:\s*(\d+) kB$", _text(path), re.MULTILINE)
    return int(found[1]) * KIB if found else None


def _disk(home: Path) -> tuple[int | None, float | None]:
    """Bytes that we may still write there, and their share of all that are ours to use."""
    try:
        found = os.statvfs(home)
    except OSError:
        return None, None
    usable = found.f_blocks - found.f_bfree + found.f_bavail  # the rest is kept for root
    return found.f_bavail * found.f_frsize, found.f_bavail / usable if usable else None


def _temperature(path: Path) -> float | None:
    text = _text(path).strip()
    return int(text) / 1_000 if re.fullmatch(r"-?\d+", text) else None


def _undervoltage(folder: Path) -> bool | None:
    """A Raspberry Pi's alarm: the number of its sensor differs from start to start, its name does not."""
    try:
        sensors = sorted(folder.iterdir())
    except OSError:
        return None
    for sensor in sensors:
        alarm = _text(sensor / "in0_lcrit_alarm").strip()
        if _text(sensor / "name").strip() == "rpi_volt" and alarm:
            return alarm != "0"
    return None


def _synchronised(folder: Path) -> bool | None:
    return (folder / "synchronized").exists() if folder.is_dir() else None


def _pressure(folder: Path) -> dict[str, float]:
    found = {name: re.search(r"^some avg10=(\d+\.\d+)", _text(folder / name)) for name in RESOURCES}
    return {name: float(one[1]) / 100 for name, one in found.items() if one}
