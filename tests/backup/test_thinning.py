"""Which backups stay as they grow old, and what of the pool stays with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.backup import backup_folder, create, manifests, prune, restore, verify
from pi5_pipelines.backup.catalog import CATALOG, MANIFEST, pool_path, select_keep
from pi5_pipelines.errors import BackupError
from pi5_pipelines.settings import BackupSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOMENTS = st.lists(
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - aware by then
    min_size=1,
    max_size=60,
    unique=True,
)
POLICIES = st.builds(
    BackupSettings, keep_daily=st.integers(1, 10), keep_weekly=st.integers(0, 6), keep_monthly=st.integers(0, 14)
)


@given(MOMENTS, POLICIES)
def test_the_newest_stays_and_no_more_than_the_policy_says(times: list[datetime], policy: BackupSettings) -> None:
    kept = select_keep(times, policy)
    assert max(times) in kept
    assert kept <= set(times)
    assert len(kept) <= policy.keep_daily + policy.keep_weekly + policy.keep_monthly


@given(MOMENTS, POLICIES)
def test_thinning_twice_drops_nothing_more(times: list[datetime], policy: BackupSettings) -> None:
    kept = select_keep(times, policy)
    assert select_keep(sorted(kept), policy) == kept


@given(MOMENTS, POLICIES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_more_generous_policy_keeps_all_that_a_meaner_one_does(
    times: list[datetime], policy: BackupSettings, days: int, weeks: int, months: int
) -> None:
    generous = BackupSettings(
        keep_daily=policy.keep_daily + days,
        keep_weekly=policy.keep_weekly + weeks,
        keep_monthly=policy.keep_monthly + months,
    )
    assert select_keep(times, policy) <= select_keep(times, generous)


@given(MOMENTS, POLICIES)
def test_the_order_of_the_backups_does_not_matter(times: list[datetime], policy: BackupSettings) -> None:
    assert select_keep(times, policy) == select_keep(sorted(times), policy)


def test_two_years_of_nights_thin_out_to_days_weeks_and_months() -> None:
    last = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # a Tuesday
    kept = select_keep([last - timedelta(days=n) for n in range(730)], BackupSettings())
    days = sorted(((last - time).days for time in kept), reverse=False)
    assert days[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert days[7:9] == [
        9,
        16,
    ]  # the Sundays of the third and fourth week; the first two weeks' newest are among the days
    month_ends = sorted({time.strftime("%Y-%m") for time in kept})
    assert len(month_ends) == 12
    assert month_ends[0] == "2025-12"


@pytest.fixture
def aged(bare: Settings, rewrite: Callable[..., None]) -> Callable[[str, int], str]:
    """Make a backup that holds a text, as if so many days ago."""

    def make(text: str, days: int) -> str:
        (bare.home_path / "exports" / "note.txt").write_text(text)
        made = create(bare)
        then = datetime(2026, 11, 24, 12, tzinfo=UTC) - timedelta(days=days)
        rewrite(bare, made.id, created_at_utc=then.isoformat())
        return made.id

    return make


@pytest.fixture
def daily(bare: Settings) -> Settings:
    """A home that keeps two days' backups."""
    return Settings(home=bare.home, backup=BackupSettings(keep_daily=2, keep_weekly=0, keep_monthly=0))


def test_pruning_drops_old_backups_and_what_only_they_held(
    daily: Settings, aged: Callable[[str, int], str], tmp_path: Path
) -> None:
    folder = backup_folder(daily)
    shared = daily.home_path / "exports" / "shared.txt"
    shared.write_text("in all of them")
    ids = [aged(f"day {days}", days) for days in (4, 3, 2, 1)]
    old = [entry for one in manifests(folder)[2:] for entry in one.entries if entry.path.endswith("note.txt")]
    assert prune(daily) == (ids[1], ids[0])
    assert [one.id for one in manifests(folder)] == [ids[3], ids[2]]
    assert not any(pool_path(folder, entry.sha256).exists() for entry in old)
    for one in ids[2:]:
        verify(daily, one, full=True)
    restore(daily, ids[2], tmp_path / "new")
    assert (tmp_path / "new" / "exports" / "note.txt").read_text() == "day 2"
    assert prune(daily) == ()


def test_pruning_never_drops_the_newest_that_was_verified_good(
    daily: Settings, aged: Callable[[str, int], str], kept: Callable[[Settings, str], Path], rot: Callable[[Path], None]
) -> None:
    older = aged("older", 9)
    verify(daily, older)
    good = aged("good", 8)
    verify(daily, good)
    for days in (2, 1):
        bad = aged(f"bad {days}", days)
        rot(kept(daily, "exports/note.txt"))
        with pytest.raises(BackupError):
            verify(daily, bad)
    assert prune(daily) == (older,)
    assert verify(daily, good, full=True).id == good


def test_pruning_beside_a_damaged_manifest_drops_old_backups_and_no_content(
    daily: Settings, aged: Callable[[str, int], str]
) -> None:
    ids = [aged(f"day {days}", days) for days in (4, 3, 2, 1)]
    folder = backup_folder(daily)
    pool = {path.name for path in (folder / "pool").glob("??/*")}
    (folder / CATALOG / f"{ids[0]}{MANIFEST}").write_text("{")
    assert prune(daily) == (ids[1],)
    assert [one.id for one in manifests(folder)] == [ids[3], ids[2]]
    assert {path.name for path in (folder / "pool").glob("??/*")} == pool
