"""A strict reader of the Prometheus text format 0.0.4: what a scraper might refuse or misread is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|Inf)|NaN)")
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """One figure as it was read."""

    kind: str
    told: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """The sample with these labels."""
        return self.samples[name, tuple(labels.items())]


def parse(text: str) -> dict[str, Family]:
    """Every family by its name; raises AssertionError."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    told, name = "", ""
    for line in text.removesuffix("\n").split("\n"):
        if help_of := re.fullmatch(rf"# HELP ({NAME}) ((?:[^\\]|\\[\\n])+)", line):
            name, told = help_of[1], _unescaped(help_of[2])
            assert name not in families, line
        elif type_of := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            assert type_of[1] == name, line
            families[name] = Family(type_of[2], told)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            labels = tuple((key, _unescaped(value)) for key, value in re.findall(LABEL, sample[2] or ""))
            assert sample[1] in _names(name, families[name].kind), line
            assert len({key for key, _ in labels}) == len(labels), line
            assert (sample[1], labels) not in families[name].samples, line
            families[name].samples[sample[1], labels] = float(sample[SAMPLE.groups])
    for name, family in families.items():
        _check(name, family)
    return families


def _names(name: str, kind: str) -> set[str]:
    return {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}


def _check(name: str, family: Family) -> None:
    assert family.samples, name
    assert name.endswith("_total") == (family.kind == "counter"), name
    assert len({tuple(key for key, _ in labels) for (one, labels) in family.samples if one == name}) <= 1, name
    if family.kind == "histogram":
        buckets = [(float(labels[-1][1]), count) for (one, labels), count in family.samples.items() if labels]
        assert buckets == sorted(buckets), name
        assert [count for _, count in buckets] == sorted(count for _, count in buckets), name
        assert buckets[-1] == (float("inf"), family.samples[f"{name}_count", ()]), name


def _unescaped(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: ESCAPES[found[0]], text)
