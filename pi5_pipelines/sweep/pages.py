"""The pages of a finished sweep, written by a process of their own: what draws them takes memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.errors import Pi5Error, SweepError
from pi5_pipelines.sweep.job import Job  # noqa: TC001 - msgspec reads the annotations
from pi5_pipelines.sweep.message import Message, say
from pi5_pipelines.sweep.supervise import Usage, ending, listen, reap, send, start

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "page-{leg}.html"


class PagesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep whose chunks still lie in its folder, and its summary with what was swept."""

    job: Job
    document: dict[str, Any]


def make_pages(job: Job, document: dict[str, Any], usage: Usage) -> list[bytes | str]:
    """A page for each leg, or in a sentence why it has none; raises SweepError when the process fails."""
    child = start("pi5_pipelines.sweep.pages")
    send(child, msgspec.json.encode(PagesRequest(job=job, document=document)))
    told = [message.note or "" for message in listen(child)]
    code = reap(child, usage)
    if code or len(told) < len(job.legs):
        raise SweepError(
            f"the process that draws the pages ended with {ending(code)}",
            where="--report",
            hint="look for missing memory with `pi5 doctor`; the table and the figures are as they are without it",
        )
    folder = Path(job.folder)
    return [reason or (folder / PAGE.format(leg=leg)).read_bytes() for leg, reason in enumerate(told)]


def main() -> int:
    """Serve one request from stdin."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=PagesRequest)
    for reason in write_pages(request):
        say(Message(note=reason))
    return 0


def write_pages(request: PagesRequest) -> Iterator[str]:
    """Write a page for each leg into the sweep's folder; answers for each why it has none, "" where it has."""
    from pi5_pipelines.report.searched import search_page
    from pi5_pipelines.sweep.chunk import column_name
    from pi5_pipelines.sweep.work import WorkFolder

    job, work = request.job, WorkFolder(Path(request.job.folder))
    work.find_chunks()
    axes = job.plan.space().axes
    varied = [axis for axis in axes if len(axis.values) > 1] or axes
    for leg, bars in enumerate(job.legs):
        document = {
            **request.document,
            "symbols": [one.symbol for one in bars],
            "start": min(one.start for one in bars),
            "end": max(one.end for one in bars),
            "bars": request.document["bars"][leg],
        }
        found = request.document["by_symbol"][leg]
        try:
            page = search_page(work.paths(leg), [column_name(axis.name) for axis in varied], document, found)
        except Pi5Error as error:
            yield str(error)
            continue
        (work.root / PAGE.format(leg=leg)).write_text(page, encoding="utf-8")
        yield ""


if __name__ == "__main__":
    raise SystemExit(main())
