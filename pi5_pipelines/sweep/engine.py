"""The process that runs a sweep's combinations: bars in, chunks on disk out, a summary at the end.

It ends with its parent (whose pipe it listens to), and it is worth no tears: whatever it had finished is on disk.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.errors import Pi5Error, SweepError
from pi5_pipelines.sweep.budget import fitting_lanes
from pi5_pipelines.sweep.chunk import Crew, chunk_table
from pi5_pipelines.sweep.job import Job
from pi5_pipelines.sweep.kernel import sweep_version
from pi5_pipelines.sweep.lane import Lane, Market
from pi5_pipelines.sweep.message import Message, say
from pi5_pipelines.sweep.numbers import make_numbers
from pi5_pipelines.sweep.pause import Gate
from pi5_pipelines.sweep.rss import give_back_code, rss_now
from pi5_pipelines.sweep.sample import Sample
from pi5_pipelines.sweep.summary import LegCount, count_leg, judge_leg
from pi5_pipelines.sweep.watch import Watch
from pi5_pipelines.sweep.work import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.numbers import Numbers
    from pi5_pipelines.sweep.space import Space

GAVE_UP = 75  # the exit code after a combination was given up: start again, it will be left out
UNFORESEEN = 70
RUNNING = "running"
COMPILER = "libllvmlite"


class Engine:
    """One sweep from its first chunk to its last."""

    def __init__(self, job: Job, work: WorkFolder, *, quiet: bool = False) -> None:
        self._job = job
        self._quiet = quiet
        self._work = work
        self._space: Space = job.plan.space()
        self._given_up = work.given_up()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._writing: Future[Path] | None = None
        self._told = 0
        self.seconds = 0.0
        self.done = 0
        self.resumed = 0
        self.workers = job.workers

    def run(self) -> dict[str, Any]:
        """Run all legs; answers the summary."""
        self._work.find_chunks()
        careful = self._job.careful
        legs = []
        for leg, files in enumerate(self._job.legs):
            market = Market.of(self._job.plan.spec, [one.load() for one in files])
            numbers = make_numbers(self._job.plan, self._space, self._work, leg)
            sample = Sample(numbers.count)
            Lane(market, 0).warm_up(len(self._space.axes))  # compiled before the lanes are sized
            give_back_code(COMPILER)
            self.workers, room = fitting_lanes(self._job, self._space, market)
            gate = Gate(self._job.limits, self.workers, lambda reason: say(Message(waiting=reason)))
            lanes = [Lane(market, room) for _ in range(self.workers)]
            crew = Crew(lanes, partial(self._before, gate))
            for number in range(numbers.chunks):
                if (leg, number) in self._work.chunks:
                    self.resumed += numbers.size_of(number)
                    self._tell(numbers.size_of(number), numbers)
                    continue
                if careful:
                    alone = Crew(lanes[:1], crew.before, self._announcer(leg))
                    self._chunk(leg, number, numbers, market, alone, sample)
                    alone.close()
                    (self._work.root / RUNNING).unlink()
                    careful = False
                    continue
                self._chunk(leg, number, numbers, market, crew, sample)
            crew.close()
            self.seconds -= gate.waited_s
            self._finish_writing()
            paths = self._work.paths(leg)
            found = count_leg(self._space, paths, sample, self._job.plan.rank_by, self._job.top)
            legs.append((found, judge_leg(self._job, leg, lanes[0], self._space, sample, found)))
        return self._summary(legs)

    def _summary(self, legs: Sequence[tuple[LegCount, dict[str, Any]]]) -> dict[str, Any]:
        """The document of the whole sweep, and its table where one is asked for."""
        top = sorted((row for found, _ in legs for row in found.best), key=lambda one: one[:2], reverse=True)
        documents = [document for _, document in legs]
        first = next((one for one in documents if top and one["symbol"] == top[0][2]["symbol"]), documents[0])
        if self._job.out is not None:
            self._work.write_table(Path(self._job.out))
        bars = [sum(one.bars for one in leg) for leg in self._job.legs]
        return {
            "combinations": sum(one["combinations"] for one in documents),
            "failed": sum(one["failed"] for one in documents),
            "orders_rejected": sum(found.orders_rejected for found, _ in legs),
            "rejecting": sum(found.rejecting for found, _ in legs),
            "left_out": self._told - sum(one["combinations"] for one in documents),
            "resumed": self.resumed,
            "seconds": self.seconds,
            "workers": self.workers,
            "bars": bars,
            "best": first["best"],
            "deflated_sharpe": first["deflated_sharpe"],
            "pbo": first["pbo"],
            "top": [row for _, _, row in top[: self._job.top]],
            "by_symbol": documents,
            "errors": [error for found, _ in legs for error in found.errors],
            "code_version": sweep_version(self._job.plan.spec.strategy),
        }

    def _chunk(self, leg: int, number: int, numbers: Numbers, market: Market, crew: Crew, sample: Sample) -> None:
        started = time.perf_counter()
        if numbers.sequential:
            self._finish_writing()  # what is asked next depends on it
        chosen, params = self._space.rows(numbers.of(number))
        given_up = {one: reason for (at, one), reason in self._given_up.items() if at == leg}

        def sampled(first: int, moments: NDArray[np.float64]) -> None:
            sample.take(chosen[first : first + len(moments)], moments)

        def give_up(one: int) -> None:
            self._work.give_up(leg, one, f"it did not end within {self._job.timeout_s:g} s")
            os._exit(GAVE_UP)

        with Watch(crew, self._job.timeout_s, give_up):
            figures = crew.run(chosen, params, market.bars, given_up, sampled)
        self.done += chosen.size
        self.seconds += time.perf_counter() - started
        symbol = "+".join(one.symbol for one in self._job.legs[leg])
        table = chunk_table(self._space, symbol, chosen, params, figures)
        self._finish_writing()
        self._writing = self._writer.submit(self._work.put, leg, number, table)
        self._tell(numbers.size_of(number), numbers)

    def _before(self, gate: Gate) -> None:
        gate.wait()
        used, allowed = self._job.parent_rss + rss_now(), self._job.max_memory
        if allowed and used > allowed:
            raise SweepError(
                f"{used / 1e6:,.0f} MB are in use, more than the {allowed / 1e6:,.0f} MB allowed",
                where="--max-memory",
                hint="allow more, or use fewer --workers; what is finished is kept",
            )

    def _finish_writing(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _announcer(self, leg: int) -> Callable[[int], None]:
        import numpy as np

        cells = np.memmap(self._work.root / RUNNING, dtype=np.int64, mode="w+", shape=(2,))
        cells[0] = leg

        def announce(number: int) -> None:
            cells[1] = number

        return announce

    def _tell(self, size: int, numbers: Numbers) -> None:
        self._told += size
        if not self._quiet:
            say(Message(progress=(self._told, numbers.count * len(self._job.legs))))


def blame_the_last(job: Job, work: WorkFolder) -> None:
    """Give up the combination that ran, all alone, when the process before this one died."""
    import numpy as np

    try:
        leg, number = np.fromfile(work.root / RUNNING, dtype=np.int64).tolist()
    except (OSError, ValueError):
        return
    work.give_up(leg, number, f"its process died: {job.death}")
    (work.root / RUNNING).unlink()


def end_with_parent() -> None:
    """Leave at once when the command is gone: its end of our stdin closes with it."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> int:
    """Serve the job on the first line of stdin."""
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    threading.Thread(target=end_with_parent, name="parent", daemon=True).start()
    work = WorkFolder(Path(job.folder))
    try:
        with work.held():
            if job.death:
                blame_the_last(job, work)
            if job.scheduler:
                from pi5_pipelines.sweep.cluster import run_on_cluster

                result = run_on_cluster(job, work)
            else:
                result = Engine(job, work).run()
            say(Message(result=result))
    except Pi5Error as error:
        say(Message.of_error(error))
        return 1
    return 0


if __name__ == "__main__":
    code = UNFORESEEN
    try:
        code = main()
    except BaseException:  # noqa: BLE001 - the threads of a failed engine must not keep it alive
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # not waiting for threads
