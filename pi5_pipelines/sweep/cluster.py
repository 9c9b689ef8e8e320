"""The same chunks on the workers of a Dask cluster: bars sent once, tables sent back, kept here as any other chunk."""

from __future__ import annotations

import logging
import threading
import time
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.chunk import Crew, chunk_table
from pi5_pipelines.sweep.engine import Engine
from pi5_pipelines.sweep.kernel import sweep_version
from pi5_pipelines.sweep.lane import Lane, Market
from pi5_pipelines.sweep.message import Message, say
from pi5_pipelines.sweep.numbers import make_numbers
from pi5_pipelines.sweep.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.sweep.job import Job, Plan
    from pi5_pipelines.sweep.numbers import Numbers
    from pi5_pipelines.sweep.work import WorkFolder

CONNECT_S = 5
AHEAD = 2  # chunks for each thread of the cluster: one runs, one waits
ROOM_BYTES = 1 << 30


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker sends back: the chunk's table, or the combination that did not end (`stuck`), or other code's."""

    table: bytes = b""
    stuck: int = -1
    version: str = ""


def run_remote(
    plan: Plan,
    bars: Sequence[Bars],
    numbers: NDArray[np.int64],
    given_up: dict[int, str],
    timeout_s: float,
    version: str,
) -> Done:
    """Run one chunk in a worker's process, on one thread."""
    if sweep_version(plan.spec.strategy) != version:
        return Done(version=sweep_version(plan.spec.strategy))
    space, market = plan.space(), Market.of(plan.spec, bars)
    lane = Lane(market, ROOM_BYTES)
    lane.warm_up(len(space.axes))
    crew = Crew([lane], lambda: None)
    chosen, params = space.rows(numbers)
    over = threading.Event()
    found: list[Done] = []

    def stuck(number: int) -> None:
        found.append(Done(stuck=number))
        over.set()

    def work() -> None:
        figures = crew.run(chosen, params, market.bars, given_up, lambda *_: None)
        found.append(Done(table=chunk_table(space, "+".join(one.symbol for one in bars), chosen, params, figures)))
        over.set()

    with Watch(crew, timeout_s, stuck):
        threading.Thread(target=work, daemon=True).start()
        over.wait()
    return found[0]


def run_on_cluster(job: Job, work: WorkFolder) -> dict[str, Any]:
    """Have the cluster run what is missing, then summarize here; raises SweepError."""
    if find_spec("distributed") is None:
        raise SweepError(
            "Dask is not installed",
            where=f"scheduler {job.scheduler}",
            hint="install the extra: pip install 'pi5[cluster]'",
        )
    if job.plan.method == "guided":
        raise SweepError(
            "guided sweeps run on this machine alone", where=f"scheduler {job.scheduler}", hint='give --scheduler ""'
        )
    import distributed

    connect: Any = distributed.Client  # it is not typed
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    work.find_chunks()
    try:
        client = connect(job.scheduler, timeout=CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise SweepError(
            f"no Dask scheduler answers: {error}",
            where=f"scheduler {job.scheduler}",
            hint="start one with `dask scheduler`, or run here without --scheduler",
        ) from error
    started, resumed, before = time.perf_counter(), 0, set(work.chunks)
    try:
        if not client.scheduler_info()["workers"]:
            raise SweepError(
                "it has no workers", where=f"scheduler {job.scheduler}", hint=f"start some: dask worker {job.scheduler}"
            )
        space, told = job.plan.space(), 0
        for leg in range(len(job.legs)):
            numbers = make_numbers(job.plan, space, work, leg)
            resumed += sum(numbers.size_of(number) for at, number in before if at == leg)
            told = _leg(client, job, work, leg, numbers, told)
    finally:
        client.close()
    seconds = time.perf_counter() - started
    engine = Engine(job, work, quiet=True)
    return {**engine.run(), "seconds": seconds, "resumed": resumed}


def _leg(client: Any, job: Job, work: WorkFolder, leg: int, numbers: Numbers, told: int) -> int:  # noqa: ANN401
    """Run the missing chunks of one leg; answers how many combinations are told as done."""
    import distributed

    bars = client.scatter(tuple(one.load() for one in job.legs[leg]), broadcast=True)
    version = sweep_version(job.plan.spec.strategy)
    missing = [number for number in range(numbers.chunks) if (leg, number) not in work.chunks]
    total = numbers.count * len(job.legs)
    told += numbers.count - sum(numbers.size_of(number) for number in missing)

    def submit(number: int) -> Any:  # noqa: ANN401 - a future
        given_up = {one: reason for (at, one), reason in work.given_up().items() if at == leg}
        arguments = (job.plan, bars, numbers.of(number), given_up, job.timeout_s, version)
        future = client.submit(run_remote, *arguments, pure=False, retries=1)
        running[future.key] = number
        return future

    running: dict[str, int] = {}
    waiting = iter(missing)
    threads = sum(one["nthreads"] for one in client.scheduler_info()["workers"].values())
    in_order_of_their_end: Any = distributed.as_completed  # as above
    futures = in_order_of_their_end([submit(number) for number in islice(waiting, AHEAD * threads)])
    for future in futures:
        number = running.pop(future.key)
        done = _result(future, job)
        if done.version:
            raise SweepError(
                f"a worker has other code ({done.version}, here {version})",
                where=f"scheduler {job.scheduler}",
                hint="install the same version of pi5 on every machine, and start the workers again",
            )
        if done.stuck >= 0:
            work.give_up(leg, done.stuck, f"it did not end within {job.timeout_s:g} s")
            futures.add(submit(number))
            continue
        work.put(leg, number, done.table)
        told += numbers.size_of(number)
        say(Message(progress=(told, total)))
        following = next(waiting, None)
        if following is not None:
            futures.add(submit(following))
    return told


def _result(future: Any, job: Job) -> Done:  # noqa: ANN401 - Dask's future
    try:
        done: Done = future.result()
    except Exception as error:
        raise SweepError(
            f"the cluster failed: {type(error).__name__}: {error}",
            where=f"scheduler {job.scheduler}",
            hint="look at the workers' logs; what is finished is kept, and the same command goes on",
        ) from error
    return done
