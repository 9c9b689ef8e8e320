"""`pi5 reproduce`: run a stored result again and compare byte for byte."""

from __future__ import annotations

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, show


@click.command(short_help="Run a stored result again; compare the bytes.")
@click.argument("result_id")
@json_flag
@pass_app
def reproduce(app: App, result_id: str, *, as_json: bool) -> int:
    """Run a stored result again: the same bytes (exit code 0), or exactly what has changed since (1).

    RESULT_ID may be shortened to its first six characters or more.
    """
    from pi5_pipelines.backtest.reproduce import reproduce as run_again

    outcome = run_again(app.settings, app.lake, result_id)
    if as_json:
        emit(
            {
                "result_id": outcome.result_id,
                "identical": outcome.identical,
                "differences": outcome.differences,
                "notes": outcome.notes,
            }
        )
    else:
        verdict = "reproduced byte for byte" if outcome.identical else "not reproduced; what changed:"
        changes = [f"  {line}" for line in outcome.differences] if not outcome.identical else []
        show(f"{outcome.result_id}: {verdict}", *changes, *(f"  note: {line}" for line in outcome.notes))
    return DONE if outcome.identical else FAILED
