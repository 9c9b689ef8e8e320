"""Run a stored result again: the same bytes, or exactly what has changed since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.backtest.bars import Bars, bars_from_file, bars_from_lake
from pi5_pipelines.backtest.code_version import code_version, source_hashes
from pi5_pipelines.backtest.nightly import results_folder
from pi5_pipelines.backtest.result import canonical
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.backtest.store import CURVE, FILLS, ORDERS, TRADES, ResultStore
from pi5_pipelines.errors import Pi5Error, ReproduceError

if TYPE_CHECKING:
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Whether the re-run gave the same bytes; `differences` are what changed, `notes` what did not matter."""

    result_id: str
    identical: bool
    differences: tuple[str, ...]
    notes: tuple[str, ...]


def reproduce(settings: Settings, lake: Lake, result_id: str) -> Reproduction:
    """Load the recorded inputs, run the recorded options, compare byte for byte.

    Raises UnknownNameError, and ReproduceError when what is stored cannot even be read.
    """
    store = ResultStore(results_folder(settings))
    found = store.find(result_id)
    document, facts = _stored(store, found)
    differences = _changed_sources(facts, document)
    notes: list[str] = []
    bars: list[Bars] = []
    for recorded in document["inputs"]:
        one, changed, remarks = _load(lake, recorded, document)
        differences += changed
        notes += remarks
        if one is not None:
            bars.append(one)
    fine: Bars | None = None
    finer = document.get("fine_inputs", [])
    for recorded in finer:
        fine, changed, remarks = _load(lake, recorded, {**document, "timeframe": recorded["timeframe"]})
        differences += changed
        notes += remarks
    if len(bars) == len(document["inputs"]) and (fine is not None or not finer):
        result = run_backtest(_spec(document), bars, fine=fine)
        again = {**result.document, "inputs": document["inputs"], "fine_inputs": finer}
        identical = canonical(again) == store.document_bytes(found)
        changed = _changed_tables(store, found, result) if identical else _changed_figures(document, again)
        differences += changed
        identical = identical and not changed
    else:
        identical = False
    return Reproduction(found, identical, tuple(differences), tuple(notes))


def _stored(store: ResultStore, found: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A result's document and the facts of its making; raises ReproduceError when they are damaged."""
    try:
        document, facts = store.document(found), store.facts(found)
        _spec(document)
        _span(document)
        _ = document["inputs"], document["timeframe"], document["code_version"], facts["sources"]
    except (OSError, ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise ReproduceError(
            f"the stored result is damaged: {type(error).__name__}: {error}",
            where=str(store.root / found),
            hint="bring it back from a backup, or move the folder away and run the backtest again",
        ) from error
    return document, facts


def _span(document: dict[str, Any]) -> dict[str, date]:
    """The recorded days, the first and the last."""
    return {name: date.fromisoformat(document[name][:10]) for name in ("start", "end")}


def _spec(document: dict[str, Any]) -> BacktestSpec:
    names = [field.name for field in msgspec.structs.fields(BacktestSpec)]
    return msgspec.convert({name: document[name] for name in names if name in document}, BacktestSpec)


def _load(lake: Lake, recorded: dict[str, Any], document: dict[str, Any]) -> tuple[Bars | None, list[str], list[str]]:
    """The recorded input again: at its version where that is still there, else at the latest with the same bars."""
    remarks: list[str] = []
    span = _span(document)
    try:
        if "file" in recorded:
            bars = bars_from_file(Path(recorded["file"]), document["timeframe"], **span)
        else:
            try:
                bars = _from_lake(lake, recorded, document, span, latest=False)
            except Pi5Error as error:
                remarks.append(f"{recorded['table']} version {recorded['version']} cannot be read: {error.what}")
                bars = _from_lake(lake, recorded, document, span, latest=True)
    except Pi5Error as error:
        return None, [f"input {recorded.get('file') or recorded['table']} is gone: {error}"], remarks
    if bars.input["sha256"] == recorded["sha256"]:
        if remarks:
            remarks.append(f"the latest version holds the same bars of {recorded['symbol']}")
        return bars, [], remarks
    place = recorded.get("file") or f"{recorded['table']} version {recorded['version']}"
    was, now = recorded["sha256"][:12], bars.input["sha256"][:12]
    return bars, [f"bars of {recorded['symbol']} in {place} changed: sha256 was {was}, is {now}", *remarks], []


def _from_lake(
    lake: Lake, recorded: dict[str, Any], document: dict[str, Any], span: dict[str, date], *, latest: bool
) -> Bars:
    return bars_from_lake(
        lake,
        recorded["symbol"],
        document["timeframe"],
        adjust=recorded["adjust"],
        version=None if latest else recorded["version"],
        actions_version=None if latest else recorded.get("actions_version"),
        **span,
    )


def _changed_sources(facts: dict[str, Any], document: dict[str, Any]) -> list[str]:
    version = code_version(document["strategy"])
    if document["code_version"] == version:
        return []
    before, now = facts["sources"], source_hashes(document["strategy"])
    files = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    return [f"code changed from {document['code_version']} to {version}: {', '.join(files)}"]


def _changed_tables(store: ResultStore, found: str, again: BacktestResult) -> list[str]:
    """Which of the stored curve, fills and trades are not those that the document stands on."""
    import numpy as np
    import polars as pl

    try:
        kept = store.load(found)
    except (OSError, pl.exceptions.PolarsError) as error:
        return [f"the stored tables cannot be read: {error}"]
    curves = ("ts_us", "equity", "cash", "exposure", "benchmark")
    same = {
        CURVE: all(np.array_equal(getattr(kept, name), getattr(again, name)) for name in curves),
        FILLS: kept.fills.equals(again.fills),
        TRADES: kept.trades.equals(again.trades),
        ORDERS: again.orders is None or (kept.orders is not None and kept.orders.equals(again.orders)),
    }
    return [f"{name} was changed after the run" for name, is_same in same.items() if not is_same]


def _changed_figures(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f"{name} was {before.get(name)}, is {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if name not in {"metric_definitions", "code_version"} and before.get(name) != now.get(name)
    ]
