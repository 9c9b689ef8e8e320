"""One copy a night that can be given back: made, looked through, and the oldest dropped."""

import time

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home


@dg.asset(
    name=names.BACKUP,
    description="A copy of the home that a new machine can be restored from, verified after it was made; older ones "
    "are kept by day, week and month. It follows the compaction only to come later in the night.",
    deps=[names.COMPACTION],
    group_name=names.UPKEEP,
    kinds={"file", "sqlite"},
    owners=names.PLATFORM_TEAM,
    tags={"cadence": "nightly"},
    pool=names.LAKE_WRITER,
)
def home_backup(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Create, verify, tell the journal how far it is held, prune."""
    from pi5_pipelines.backup import backup_folder, create, keep_place, prune, unreadable, verify

    started = time.perf_counter()
    with plain_failure():
        settings = home.settings()
        made = create(settings, config_file=home.file())
        try:
            verify(settings, made.id)
        finally:
            unmoved = keep_place(settings)
        dropped = prune(settings)
        wrong = unreadable(backup_folder(settings))
    if unmoved:
        context.log.warning("retention of the journal waits: %s", unmoved)
    for error in wrong:
        context.log.warning("%s", error)
    return dg.MaterializeResult(
        metadata={
            "backup": made.id,
            "folder": dg.MetadataValue.path(backup_folder(settings)),
            "files": made.files,
            "bytes": made.bytes,
            "bytes_new": made.new_bytes,
            "dropped": len(dropped),
            "unreadable": len(wrong),
            "seconds": time.perf_counter() - started,
        }
    )
