"""Which source files decide a result: their hashes, and the version that they make.

Two circles. The rules (the rulebook and the event loops) decide what machine code does, so numba's cache is named
after them. A result's bytes are decided by the rules and by all that runs between bars and document: options, trades,
metrics. How bars come to be is no part of either: a result's name holds the hash of the bars themselves.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Hashes = tuple[tuple[str, str], ...]

ROOT = Path(__file__).resolve().parents[2]  # of the sources; another one is for comparing with
_STRATEGIES, _PACKAGE = "trading/strategies", strategies.__name__
_LOOPS = ("pi5_pipelines/backtest/driver.py", "pi5_pipelines/backtest/loop_*.py")
_NOT_RULES = {"config.py", "errors.py"}  # they decide nothing about a result
_BETWEEN = ("pi5_pipelines.backtest.run", "pi5_pipelines.backtest.spec")
# Messages, and what brings the bars.
_NO_PART = (
    "pi5_pipelines.backtest.dividends",
    "pi5_pipelines.errors",
    "pi5_pipelines.lake",
    "pi5_pipelines.market",
    "pi5_pipelines.sources",
)


def code_version(strategy: str | None = None, root: Path = ROOT) -> str:
    """Twelve hex digits that change when any line changes that decides a result (of one strategy, if named)."""
    return _version(_sources(strategy, root))


def rule_version(strategy: str | None = None, root: Path = ROOT) -> str:
    """Twelve hex digits that change when any line changes that is compiled (for one strategy, if named)."""
    return _version(_rules(strategy, root))


def source_hashes(strategy: str | None = None, root: Path = ROOT) -> dict[str, str]:
    """The sha256 of every source file that decides a result, by its path from the project's root.

    For a named strategy, files of other strategies count only where its own file imports them; "" names none.
    """
    return dict(_sources(strategy, root))


@cache
def _sources(strategy: str | None, root: Path) -> Hashes:
    return tuple(sorted({**dict(_rules(strategy, root)), **dict(_hashes(_imported(_BETWEEN, root), root))}.items()))


@cache
def _rules(strategy: str | None, root: Path) -> Hashes:
    """The hashes of the rulebook and of the event loops."""
    files = [*sorted((root / "trading").rglob("*.py")), *(path for name in _LOOPS for path in sorted(root.glob(name)))]
    if strategy is not None:
        known = {file.stem for file in (root / _STRATEGIES).glob("*.py")} - {"__init__"}
        others = known - _with_imported(strategy, known, root)
        files = [file for file in files if file.parent != root / _STRATEGIES or file.stem not in others]
        found = find_spec(f"{_PACKAGE}.{strategy}") if strategy and strategy not in known else None
        if found is not None and found.origin is not None:
            files.append(Path(found.origin))  # a strategy from elsewhere, on the package's path
    return _hashes((file for file in files if file.name not in _NOT_RULES), root)


def _version(hashes: Hashes) -> str:
    lines = "".join(f"{path} {digest}\n" for path, digest in hashes)
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def _hashes(files: Iterable[Path], root: Path) -> Hashes:
    return tuple((_shown(file, root), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)


def _shown(file: Path, root: Path) -> str:
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()


def _with_imported(strategy: str, known: set[str], root: Path) -> set[str]:
    """A strategy and those whose modules it imports, and so on."""
    found, new = set[str](), {strategy} & known
    while new:
        found |= new
        names = {module for name in new for module in _imports(root / _STRATEGIES / f"{name}.py")}
        new = {one for one in known for name in names if f"{name}.".startswith(f"{_PACKAGE}.{one}.")} - found
    return found


def _imported(modules: Iterable[str], root: Path) -> list[Path]:
    """The files of modules of `pi5_pipelines` and of all that they import in it when they run, but for _NO_PART."""
    found: dict[str, Path] = {}
    new = set(modules)
    while new:
        files = {name: root / f"{name.replace('.', '/')}.py" for name in new}
        found |= {name: file for name, file in files.items() if file.exists()}
        imported = {one for name in new & found.keys() for one in _imports(found[name])}
        new = {one for one in imported if one.startswith("pi5_pipelines.") and not _is_below(one, _NO_PART)}
        new -= found.keys() | files.keys()
    return sorted(found.values())


def _is_below(module: str, packages: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _imports(file: Path) -> set[str]:
    """The full names of the modules that a file imports when it runs, and of what it takes from them."""
    found: set[str] = set()
    for node in _running(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """A tree's nodes, without those that only a type checker reads."""
    yield node
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from _running(child)
