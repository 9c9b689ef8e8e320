"""`pi5 backup`: whole copies of the home, checked and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.options import FILE, json_flag
from pi5_pipelines.cli.screen import emit, progress, show, size, table

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.backup.catalog import Manifest
    from pi5_pipelines.settings import Settings


@click.group()
def backup() -> None:
    """Make, list, verify and restore copies of the home."""


@backup.command(short_help="Copy the home; only what changed takes room.")
@json_flag
@pass_app
def create(app: App, *, as_json: bool) -> None:
    """Copy lake, databases, reports, secrets and pi5.toml, and hash the copy again.

    A content that an earlier backup holds is not stored twice.
    """
    from pi5_pipelines import backup as work

    with progress("backup") as move:
        report = work.create(app.settings, config_file=app.config_file(), progress=move)
        manifest, unmoved = _proven(app.settings, report.id, progress=move)
    wrong = [str(error) for error in work.unreadable(work.backup_folder(app.settings))]
    if as_json:
        emit({**document_of(app.settings, manifest), "unreadable": wrong, "unmoved": unmoved})
        return
    show(
        f"Backup {report.id}: {report.files:,} files, {size(report.bytes)}, of which {size(report.new_bytes)} new; "
        f"verified. {report.seconds:.1f} s",
        f"Kept in {work.backup_folder(app.settings)}",
        "Next:",
        f"  pi5 backup restore {report.id} --to FOLDER    the whole home as it is now",
        *(f"BAD: {error}" for error in wrong),
    )
    _tell(unmoved)


@backup.command(name="list")
@json_flag
@pass_app
def list_backups(app: App, *, as_json: bool) -> None:
    """List the backups, the newest first, and what their last verification found."""
    from pi5_pipelines import backup as work

    folder = work.backup_folder(app.settings)
    documents = [document_of(app.settings, one) for one in work.manifests(folder)]
    wrong = [str(error) for error in work.unreadable(folder)]
    if as_json:
        emit({"folder": str(folder), "backups": documents, "unreadable": wrong})
        return
    if not documents and not wrong:
        show(f"No backup in {folder}. Next: pi5 backup create")
        return
    numbers = ("files", "size", "new")
    cells = [
        (
            one["id"],
            one["created_at_utc"][:16].replace("T", " "),
            one["files"],
            size(one["bytes"]),
            size(one["new_bytes"]),
            verified_text(one),
        )
        for one in documents
    ]
    show(table(str(folder), ("backup", "made (UTC)", *numbers, "verified"), cells, numbers=numbers))
    show(*(f"BAD: {error}" for error in wrong))


@backup.command(short_help="Prove a backup whole; --full opens its tables.")
@click.argument("backup_id", metavar="[ID]", default="latest")
@click.option("--full", is_flag=True, help="Also restore it aside, and open every table and database.")
@json_flag
@pass_app
def verify(app: App, backup_id: str, *, full: bool, as_json: bool) -> None:
    """Hash every file of a backup again (the newest unless ID is given, which may be shortened).

    Exit code 1 names the first file that is missing or has changed.
    """
    with progress("verify") as move:
        manifest, unmoved = _proven(app.settings, backup_id, full=full, progress=move)
    if as_json:
        emit(document_of(app.settings, manifest))
        return
    proven = "restored aside and opened" if full else "every file has its hash"
    show(f"Backup {manifest.id} is good: {len(manifest.entries):,} files, {size(manifest.bytes)}; {proven}.")
    _tell(unmoved)


@backup.command(short_help="Bring a whole home back into a folder.")
@click.argument("backup_id", metavar="ID")
@click.option("--to", "target", type=FILE, required=True, metavar="FOLDER", help="A new or empty folder.")
@click.option("--force", is_flag=True, help="FOLDER may hold something: it is moved aside, not deleted.")
@json_flag
@pass_app
def restore(app: App, backup_id: str, target: Path, *, force: bool, as_json: bool) -> None:
    """Bring back backup ID (or `latest`) as a whole home; FOLDER changes only when all of it has been proven good."""
    from pi5_pipelines import backup as work

    with progress("restore") as move:
        manifest = work.restore(app.settings, backup_id, target, force=force, progress=move)
    if as_json:
        emit({**document_of(app.settings, manifest), "restored_to": str(target.absolute())})
        return
    show(
        f"Restored {manifest.id} to {target}:",
        f"{len(manifest.entries):,} files, {len(manifest.tables)} tables, every one opened and as it was.",
        "Next:",
        f"  PI5_HOME={target} pi5 status    look at it before you use it",
    )


def _proven(settings: Settings, backup_id: str, **options: Any) -> tuple[Manifest, str]:  # noqa: ANN401 - as `verify` takes
    """A backup, verified, and why the live engine's journal could not be told of the outcome ("": it was)."""
    from pi5_pipelines import backup as work

    try:
        manifest = work.verify(settings, backup_id, **options)
    finally:
        unmoved = work.keep_place(settings)
    return manifest, unmoved


def _tell(unmoved: str) -> None:
    if unmoved:
        show(f"Retention of the live engine's journal waits: {unmoved}")


def document_of(settings: Settings, manifest: Manifest) -> dict[str, Any]:
    """A backup and its last verification for machines."""
    from pi5_pipelines import backup as work

    seen = work.outcome(work.backup_folder(settings), manifest.id)
    return {
        "id": manifest.id,
        "created_at_utc": manifest.created_at_utc.isoformat(),
        "files": len(manifest.entries),
        "bytes": manifest.bytes,
        "new_bytes": manifest.new_bytes,
        "seconds": manifest.seconds,
        "journal": manifest.journal and {"epoch": manifest.journal.epoch, "place": manifest.journal.place},
        "tables": {one.name: {"version": one.version, "rows": one.rows} for one in manifest.tables},
        "verified": seen and {"at_utc": seen.verified_at_utc, "good": seen.good, "full": seen.full},
        "problem": seen.problem if seen else "",
    }


def verified_text(document: dict[str, Any]) -> str:
    """What the last verification of a backup found, in words."""
    seen = document["verified"]
    if seen is None:
        return "never"
    return ("good, opened" if seen["full"] else "good") if seen["good"] else f"BAD: {document['problem']}"
