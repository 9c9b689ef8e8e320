"""The tree keeps its shape: who imports whom, how long a file may grow, and what loads with the first import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STDLIB = frozenset(sys.stdlib_module_names)
LINES = 300
# The lake's table is one concept that reads worse in two files; so are the lists of all settings and of all events.
LONGER = {"pi5_pipelines/lake/table.py": 400, "pi5_pipelines/settings.py": 340, "live_engine/events.py": 400}
EMPTY_WORDS = ("utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "base_classes")
ENGINE = {"trading", "live_engine", "click", "msgspec"}
MORE = {
    "live_engine/api/": {"starlette", "uvicorn", "websockets", "httptools"},
    "live_engine/projection/": {"psycopg", "tenacity"},
}
# The only parts of the engine that the platform may know: what it writes down, how that is read, what an order is.
SHARED_ENGINE = re.compile(r"live_engine\.(errors|events|journal|orders)(\.|$)")
HEAVY = ("polars", "duckdb", "deltalake", "numba", "pandas", "exchange_calendars", "jinja2", "rich", "psycopg")


def python_files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, by its full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def top(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


def nothing(*packages: str) -> dict[str, set[str]]:
    return {name_of(path): set() for path in python_files(*packages)}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_rulebook_imports_the_standard_library_only() -> None:
    known = STDLIB | {"trading"}
    assert {name_of(path): top(imports(path)) - known for path in python_files("trading")} == nothing("trading")


def test_the_engine_imports_the_rulebook_and_its_own_few_libraries() -> None:
    known = STDLIB | ENGINE
    found = {name_of(path): top(imports(path)) - known for path in python_files("live_engine")}
    for folder, more in MORE.items():
        found |= {name: modules - more for name, modules in found.items() if name.startswith(folder)}
    assert found == nothing("live_engine")


def test_the_platform_knows_the_engine_by_its_events_only() -> None:
    for path in python_files("pi5_pipelines"):
        engine = {module for module in imports(path) if module.startswith("live_engine.")}
        assert not {module for module in engine if not SHARED_ENGINE.match(module)}, name_of(path)


def test_dagster_files_load_heavy_libraries_inside_bodies_only() -> None:
    for path in python_files("pi5_pipelines/assets", "pi5_pipelines/automation"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        outside = {node.module or "" for node in body if isinstance(node, ast.ImportFrom)}
        outside |= {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
        assert not top(outside) & set(HEAVY), name_of(path)


def test_loading_the_code_location_loads_no_heavy_library() -> None:
    script = f"import sys, pi5_pipelines.definitions; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    assert set(loaded) <= {"jinja2", "rich"}  # Dagster itself loads these two


def test_a_file_holds_one_concept() -> None:
    for path in python_files("trading", "live_engine", "pi5_pipelines", "tests", "benchmarks"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LONGER.get(name_of(path), LINES), name_of(path)
        assert path.stem not in EMPTY_WORDS, name_of(path)


def test_a_module_says_why_it_exists() -> None:
    for path in python_files("trading", "live_engine", "pi5_pipelines"):
        text = path.read_text(encoding="utf-8")
        assert not text or ast.get_docstring(ast.parse(text)), name_of(path)


def test_every_record_of_a_decision_that_is_named_exists() -> None:
    sources = [
        *python_files("trading", "live_engine", "pi5_pipelines"),
        *ROOT.glob("*.yaml"),
        *ROOT.glob("docs/**/*.md"),
    ]
    named = {number for path in sources for number in re.findall(r"adr/(\d{4})", path.read_text(encoding="utf-8"))}
    there = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert named <= there


def test_errors_are_drawn_as_they_are() -> None:
    import pi5_pipelines.errors as module

    drawn = set(re.findall(r"\b(\w+Error)\b", module.__doc__ or ""))
    defined = {name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert drawn == defined
