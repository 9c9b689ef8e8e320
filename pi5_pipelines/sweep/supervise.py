"""The command's side of a sweep: it starts the processes that do the work, listens, and starts them again.

It loads no numeric library itself, so its own memory is small; the process that reads the bars has ended before the
one that runs the combinations begins.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import pi5_pipelines
from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.message import Message
from pi5_pipelines.sweep.precompile import missing_parts
from pi5_pipelines.sweep.rss import KILO, rss_peak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pi5_pipelines.sweep.job import BarsFile, Job, LoadRequest

GAVE_UP = 75
MAX_RESTARTS = 100
BARS = ".bars-"
# One thread each: their pools cost memory, and the work is spread by us.
FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


@dataclass(slots=True)
class Usage:
    """The most memory that any one child had resident, in bytes; they never run side by side."""

    peak: int = 0

    def tree_peak(self) -> int:
        """The same with this process itself."""
        return self.peak + rss_peak()


@contextmanager
def loaded(request: LoadRequest, home: Path, usage: Usage) -> Iterator[tuple[BarsFile, ...]]:
    """Bars in files of a folder that goes away again; raises what the loader raises."""
    home.mkdir(parents=True, exist_ok=True)
    remove_forsaken(home)
    with tempfile.TemporaryDirectory(dir=home, prefix=f"{BARS}{os.getpid()}-") as folder:
        request = msgspec.structs.replace(request, folder=folder)
        child = start("pi5_pipelines.sweep.load")
        send(child, msgspec.json.encode(request))
        bars: tuple[BarsFile, ...] = ()
        for message in listen(child):
            if error := message.raised():
                reap(child, usage)
                raise error
            bars = tuple(message.bars or ())
        code = reap(child, usage)
        if code or not bars:
            raise SweepError(
                f"the process that reads the bars ended with {ending(code)}",
                where="pi5 sweep",
                hint="look for missing memory with `pi5 doctor`",
            )
        yield bars


def remove_forsaken(home: Path) -> None:
    """Take away the bars of commands that were killed."""
    for folder in home.glob(f"{BARS}*"):
        owner = folder.name.removeprefix(BARS).partition("-")[0]
        if owner.isdecimal() and not is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def run_engine(job: Job, usage: Usage, hear: Callable[[Message], None]) -> dict[str, Any]:
    """Run the engine to its end, starting it again after deaths; answers its summary, raises what it raises."""
    if job.plan.spec.loop() == "pool" and not job.scheduler:
        compile_shared(usage)
    for _ in range(MAX_RESTARTS):
        child = start("pi5_pipelines.sweep.engine")
        try:
            send(child, msgspec.json.encode(job) + b"\n", close=False)
            result: dict[str, Any] | None = None
            error = None
            for message in listen(child):
                error = message.raised() or error
                result = message.result or result
                hear(message)
        except BaseException:
            child.kill()
            reap(child, usage)
            raise
        code = reap(child, usage)
        if error is not None:
            raise error
        if result is not None:
            return result
        if code == GAVE_UP:
            job = msgspec.structs.replace(job, careful=False, death="")
            hear(Message(note="a combination did not end and is given up; the others go on"))
        elif code >= 0:
            raise RuntimeError(f"the engine ended with {ending(code)} and no word; its lines on stderr say more")
        else:
            job = msgspec.structs.replace(job, careful=True, death=ending(code))
            hear(Message(note=f"the engine died ({ending(code)}); it is started again where it was"))
    raise SweepError(
        f"the engine was started {MAX_RESTARTS} times and did not come to its end",
        where=f"strategy {job.plan.spec.strategy}",
        hint="`pi5 backtest --interpreted` shows where a strategy fails; what is finished is kept",
    )


def compile_shared(usage: Usage) -> None:
    """Have what is not on disk yet compiled, a process a part; where one fails the engine compiles it."""
    for part in missing_parts():
        child = start("pi5_pipelines.sweep.precompile")
        try:
            send(child, part.encode())
        finally:
            reap(child, usage)


def start(module: str) -> subprocess.Popen[bytes]:
    """A process of our own that runs a module of this package, whatever the present folder holds."""
    root = str(Path(pi5_pipelines.__file__).parents[1])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **FRUGAL, "PYTHONPATH": paths},
    )


def send(child: subprocess.Popen[bytes], data: bytes, *, close: bool = True) -> None:
    """Write to a child's stdin; one that has died is found out by its exit code."""
    assert child.stdin is not None  # noqa: S101 - opened as a pipe
    try:
        child.stdin.write(data)
        child.stdin.flush()
        if close:
            child.stdin.close()
    except BrokenPipeError:
        return


def listen(child: subprocess.Popen[bytes]) -> Iterator[Message]:
    """Every message of a child until it closes its stdout; a line cut short by its death is left out."""
    assert child.stdout is not None  # noqa: S101 - opened as a pipe
    for line in child.stdout:
        try:
            yield msgspec.json.decode(line, type=Message)
        except msgspec.DecodeError:
            continue


def reap(child: subprocess.Popen[bytes], usage: Usage) -> int:
    """Wait for a child's end; answers its exit code, minus the signal's number when one killed it."""
    _, status, resources = os.wait4(child.pid, 0)
    code = child.returncode = os.waitstatus_to_exitcode(status)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    usage.peak = max(usage.peak, resources.ru_maxrss * KILO)
    return code


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
