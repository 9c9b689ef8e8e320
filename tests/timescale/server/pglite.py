"""TimescaleDB's Community edition without a server: PGlite from npm, pinned by its hash, behind bridge.mjs."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from cache import CannotServeError, made_once

HERE = Path(__file__).resolve().parent
PIN = json.loads((HERE / "pglite.json").read_text(encoding="utf-8"))
OLDEST_NODE = 18
FETCH_TIMEOUT_S = 300


def bridge(*, extension: bool = True) -> list[str]:
    """The command that serves a database on a loopback port; raises CannotServeError."""
    node = shutil.which("node")
    if node is None:
        raise CannotServeError("node is not there; install it with: sudo apt-get install nodejs npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise CannotServeError(f"node {version} is too old; at least {OLDEST_NODE} is needed")
    digest = hashlib.sha256(PIN["integrity"].encode()).hexdigest()[:12]
    package = made_once(f"pglite-{PIN['version']}-{digest}", fetch)
    return [node, str(HERE / "bridge.mjs"), str(package), *([] if extension else ["without-extension"])]


def fetch(target: Path) -> None:
    """Fetch the pinned package through npm as it is configured here, check its hash, unpack it."""
    npm = shutil.which("npm")
    if npm is None:
        raise CannotServeError("npm is not there; install it with: sudo apt-get install npm")
    with tempfile.TemporaryDirectory() as packed:
        command = [npm, "pack", "--silent", "--pack-destination", packed, f"{PIN['package']}@{PIN['version']}"]
        try:
            done = subprocess.run(
                command, cwd=packed, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise CannotServeError(f"npm did not answer within {FETCH_TIMEOUT_S} s") from error
        archives = list(Path(packed).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            raise CannotServeError(f"npm cannot fetch {PIN['package']}: {done.stderr.strip()[-500:]}")
        found = f"sha512-{base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()}"
        if found != PIN["integrity"]:
            raise CannotServeError(f"{PIN['package']} {PIN['version']} has the hash {found}, not the pinned one")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(packed, filter="data")
        for part in (Path(packed) / "package").iterdir():
            shutil.move(part, target / part.name)
