"""How many lanes fit into the memory that a sweep may use, everything counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.lane import NUMBER, curve_bytes
from pi5_pipelines.sweep.rss import rss_now, rss_peak
from pi5_pipelines.sweep.tally import FIGURES

if TYPE_CHECKING:
    from pi5_pipelines.sweep.job import Job
    from pi5_pipelines.sweep.lane import Market
    from pi5_pipelines.sweep.space import Space

SUMMARY_BYTES = 75_000_000  # the library that writes tables, and the cross-validation once the lanes are idle
CHUNK_COPIES = 3  # a chunk as arrays, as a table, and the table before it still being written
ROW_EXTRA = 64  # of a chunk's row: symbol, number, error
UNLIMITED_ROOM = 1 << 32
SLACK_BYTES = 12_000_000  # by which two runs of the same sweep may differ


def fitting_lanes(job: Job, space: Space, market: Market) -> tuple[int, int]:
    """How many lanes, and bytes for each one's state and fills; raises SweepError naming the least that works."""
    if not job.max_memory:
        return job.workers, UNLIMITED_ROOM
    rows = min(job.plan.chunk, space.size)
    chunk = rows * (NUMBER * (len(FIGURES) + len(space.axes)) + ROW_EXTRA) * CHUNK_COPIES
    fixed = job.parent_rss + rss_now() + SUMMARY_BYTES + chunk
    lane = market.lane_bytes
    left = job.max_memory - fixed
    lanes = min(job.workers, left // lane)
    started = job.parent_rss + rss_peak()
    if lanes < 1 or job.max_memory < started:
        least = -(-(max(fixed + lane, started) + SLACK_BYTES) // 1_000_000)
        raise SweepError(
            f"{job.max_memory / 1e6:,.0f} MB are too little for {market.bars:,} bars",
            where="--max-memory",
            hint=f"the least that works is {least}MB",
        )
    return int(lanes), int(left // lanes - curve_bytes(market.bars))
