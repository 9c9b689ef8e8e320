"""A Debian 13 root with PostgreSQL 17 and TimescaleDB (Apache edition), made by debootstrap and entered by chroot."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cache import CannotServeError, folder, made_once

SUITE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-timescaledb")
UNNEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
STEPS_TO_SHOW = 8


def name() -> str:
    """The cached root's name, which changes with what goes into it."""
    recipe = hashlib.sha256(repr((SUITE, PACKAGES, UNNEEDED)).encode()).hexdigest()[:12]
    return f"debian-{SUITE}-{os.uname().machine}-{recipe}"


def is_made() -> bool:
    """Whether an earlier run left a root."""
    return (folder() / name()).is_dir()


def root() -> Path:
    """The root, made when there is none: some 90 seconds and 600 MB, once. Raises CannotServeError."""
    if os.getuid() != 0:
        raise CannotServeError("a Debian root needs root to be made and entered")
    if is_made():
        return folder() / name()
    if shutil.which("debootstrap") is None:
        raise CannotServeError("debootstrap is not there; install it with: sudo apt-get install debootstrap")
    return made_once(name(), make)


def make(target: Path) -> None:
    """Fill an empty folder with the root."""
    sys.stderr.write(f"timescale: making a Debian root in {target.parent}, once\n")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    if KEYRING.exists():
        command.append(f"--keyring={KEYRING}")
    done = subprocess.run(
        [*command, SUITE, str(target), mirror()],
        env={**os.environ, **proxies(), "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-STEPS_TO_SHOW:])
        raise CannotServeError(f"debootstrap failed:\n{last}")
    for unneeded in UNNEEDED:
        shutil.rmtree(target / unneeded, ignore_errors=True)


def mirror() -> str:
    """The Debian mirror that apt on this machine is told to use; raises CannotServeError."""
    fields = "$(REPO_URI)|$(LABEL)|$(COMPONENT)"
    found = [line.split("|") for line in told(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])]
    main = [uri for uri, label, component in found if component == "main" and label in {"Debian", ""}]
    plain = [uri for uri in main if "security" not in uri]
    if not plain:
        raise CannotServeError("apt knows no Debian mirror; run apt-get update and look at its sources")
    return plain[0]


def proxies() -> dict[str, str]:
    """The proxy that apt is told to use, for debootstrap's own downloads."""
    lines = told(["apt-config", "dump", "--format", "%f=%v%n", "Acquire::http::Proxy", "Acquire::https::Proxy"])
    pairs = [line.partition("=") for line in lines]
    return {f"{key.split('::')[1]}_proxy": value for key, _, value in pairs if value and value != "DIRECT"}


def told(command: list[str]) -> list[str]:
    """The lines that a program prints; none when it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[:-1]
    except OSError:
        return []
