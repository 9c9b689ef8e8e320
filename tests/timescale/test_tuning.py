"""What a server is advised to be set to, and how a running one is compared with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.timescale.tuning import (
    CONNECTIONS,
    GB,
    MB,
    Machine,
    advise,
    compare,
    counted,
    fragment,
    shown,
    written,
)

PI_4, PI_8 = Machine(4 * GB, 4), Machine(8 * GB, 4)


def values(machine: Machine) -> dict[str, str]:
    return {one.name: one.value for one in advise(machine)}


def test_a_pi_of_four_and_of_eight_gigabytes() -> None:
    told = ("shared_buffers", "effective_cache_size", "maintenance_work_mem", "work_mem", "max_worker_processes")
    assert [values(PI_4)[name] for name in told] == ["512MB", "1408MB", "128MB", "7MB", "11"]
    assert [values(PI_8)[name] for name in told] == ["1536MB", "4480MB", "384MB", "24MB", "11"]


@given(st.integers(2, 512), st.integers(1, 128), st.integers(0, 64))
def test_all_that_may_be_used_at_once_fits_beside_the_neighbours(gigabytes: int, cores: int, duckdb: int) -> None:
    machine = Machine(gigabytes * GB, cores, duckdb * GB)
    told = values(machine)
    size = {name: float(written(told[name])) for name in ("shared_buffers", "work_mem", "maintenance_work_mem")}
    busy = size["shared_buffers"] + CONNECTIONS * size["work_mem"] + 2 * size["maintenance_work_mem"]
    assert busy <= machine.left


def test_every_line_of_the_fragment_is_a_setting_with_its_reason() -> None:
    lines = [line for line in fragment(advise(PI_4), PI_4).splitlines() if not line.startswith("#")]
    assert len(lines) == len(advise(PI_4))
    for line, one in zip(lines, advise(PI_4), strict=True):
        setting, _, reason = line.partition("  # ")
        name, _, value = setting.partition(" = ")
        assert (name, value.strip().strip("'"), reason) == (one.name, one.value, one.reason)
    assert "shared_preload_libraries = 'timescaledb,pg_stat_statements'" in fragment(advise(PI_4), PI_4)


def test_no_setting_is_given_twice() -> None:
    names = [one.name for one in advise(PI_8)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("value", "unit", "advised"),
    [
        ("65536", "8kB", "512MB"),
        ("524288", "kB", "512MB"),
        ("900", "s", "15min"),
        ("15", "min", "900s"),
        ("2048", "MB", "2GB"),
        ("116", "MB", "116MB"),
        ("1", "16MB", "16MB"),
        ("-1", "MB", "-1"),
        ("on", "", "true"),
        ("0.9", "", "0.90"),
        ("1.1", "", "1.1"),
        ("zstd", "", "zstd"),
    ],
)
def test_the_same_value_is_found_the_same_however_it_is_written(value: str, unit: str, advised: str) -> None:
    assert counted(value, unit) == written(advised)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [("16384", "8kB", "128MB"), ("300", "s", "5min"), ("1", "kB", "1kB"), ("-1", "8kB", "-1"), ("on", "", "on")],
)
def test_a_running_value_is_shown_as_people_write_it(value: str, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_server_as_advised_has_no_differences() -> None:
    assert compare(advise(PI_8), {one.name: (one.value, "") for one in advise(PI_8)}) == []


def test_differences_name_both_values_and_the_reason() -> None:
    running = {one.name: (one.value, "") for one in advise(PI_4)}
    running["shared_buffers"] = ("16384", "8kB")
    running["shared_preload_libraries"] = ("pg_stat_statements, auto_explain, timescaledb", "")
    running["fsync"] = ("off", "")
    del running["timescaledb.telemetry_level"]
    found = {one.name: one for one in compare(advise(PI_4), running)}
    assert set(found) == {"shared_buffers", "fsync", "timescaledb.telemetry_level"}
    assert (found["shared_buffers"].running, found["shared_buffers"].advised) == ("128MB", "512MB")
    assert "quarter" in found["shared_buffers"].reason
    assert found["timescaledb.telemetry_level"].running == "not known to this server"


def test_a_library_that_is_not_preloaded_is_a_difference() -> None:
    running = {one.name: (one.value, "") for one in advise(PI_4)}
    running["shared_preload_libraries"] = ("pg_stat_statements", "")
    assert [one.name for one in compare(advise(PI_4), running)] == ["shared_preload_libraries"]


def test_a_machine_too_small_to_share_still_gets_a_plan() -> None:
    tiny = Machine(MB, 1)
    assert values(tiny)["shared_buffers"] == "128MB"
    assert values(tiny)["work_mem"] == "4MB"


def test_this_machine_is_measured() -> None:
    assert Machine.this().memory > 100 * MB
    assert Machine.this().cores >= 1
