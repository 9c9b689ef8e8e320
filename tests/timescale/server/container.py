"""TimescaleDB's own image (Apache edition) in a container, where Docker or Podman and the image can be had."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from cache import CannotServeError
from postgres import PR_SET_PDEATHSIG

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE = os.environ.get("PI5_TEST_TIMESCALE_IMAGE", "timescale/timescaledb:2.19.3-pg17-oss")
PULL_TIMEOUT_S, START_TIMEOUT_S = 180, 60.0


def serve(*, pull: bool) -> tuple[str, Callable[[], None]]:
    """Where it is and how to stop it; the image is pulled only if `pull`. Raises CannotServeError."""
    docker = shutil.which("docker") or shutil.which("podman")
    if docker is None:
        raise CannotServeError("neither docker nor podman is there")
    if run(docker, "info").returncode:
        raise CannotServeError(f"{docker} does not answer")
    if run(docker, "image", "inspect", IMAGE).returncode and not (pull and fetched(docker)):
        raise CannotServeError(f"the image {IMAGE} is not there and cannot be pulled")
    name, password = f"pi5-test-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
    options = ["--rm", "--name", name, "--publish", "127.0.0.1::5432", "--env", f"POSTGRES_PASSWORD={password}"]
    process = subprocess.Popen(
        [docker, "run", *options, IMAGE],
        preexec_fn=ends_with_parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def stop() -> None:
        run(docker, "rm", "--force", "--volumes", name)
        process.wait()

    deadline = time.monotonic() + START_TIMEOUT_S
    # The image's first start serves on a socket alone; only the last one answers over TCP.
    while run(docker, "exec", name, "pg_isready", "-h", "127.0.0.1").returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            stop()
            raise CannotServeError(f"the server in {IMAGE} does not start")
        time.sleep(0.2)
    address = run(docker, "port", name, "5432/tcp").stdout.split()[0]
    return f"postgresql://postgres:{password}@{address}/postgres", stop


def ends_with_parent() -> None:
    """Between fork and exec: the client is told to stop when its parent dies, and hands that on to the container."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def fetched(docker: str) -> bool:
    """Whether the image could be pulled in reasonable time."""
    try:
        return run(docker, "pull", "--quiet", IMAGE, timeout=PULL_TIMEOUT_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run(*command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program of Docker's."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
