"""pi5.toml with the environment on top: values as TOML, places by line, mistakes refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trading.config import explain, line_of, override, read_toml
from trading.errors import ConfigFileError

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [("home",), ("lake", "days"), ("lake", "names")]

TEXT = """\
home = "./var"
# a comment = 3
[lake]  # with a comment
days = 3
  "names" = ["a",
    "b"]

[[runs]]
name = "one"
[runs.params]
fast = 1

[[runs]]
params = { slow = 2 }

[instruments."BRK.B"]
lot = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pi5.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("dotted", "line"),
    [
        ("home", 1),
        ("lake", 3),
        ("lake.days", 4),
        ("lake.names", 5),
        ("lake.names[1]", 5),
        ("lake.unset", 3),
        ("runs[0].name", 9),
        ("runs[0].params.fast", 11),
        ("runs[1].name", 13),
        ("runs[1].params.slow", 14),
        ("runs[1].params[...]", 14),
        ("instruments.BRK.B.lot", 17),
        ("nothing", None),
        ("instruments[...].lot", None),
    ],
)
def test_a_key_is_found_by_its_line_or_by_what_is_around_it(file: Path, dotted: str, line: int | None) -> None:
    assert line_of(file, dotted) == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("true", True),
        ('["a", "b"]', ["a", "b"]),
        ('"quoted"', "quoted"),
        ("plain words", "plain words"),
        ("1GB", "1GB"),
        ("", ""),
    ],
)
def test_a_value_is_toml_where_it_can_be_and_text_otherwise(text: str, value: object) -> None:
    merged, origin = override({}, KEYS, {"PI5_LAKE_DAYS": text})
    assert merged == {"lake": {"days": value}}
    assert origin == {"lake.days": "PI5_LAKE_DAYS"}


@pytest.mark.parametrize("text", ["3", "true", '"quoted"', "[x]"])
def test_the_value_of_a_text_key_is_taken_as_it_stands(text: str) -> None:
    merged, _ = override({}, KEYS, {"PI5_HOME": text}, texts=[("home",)])
    assert merged == {"home": text}


def test_the_environment_wins_over_the_file_and_leaves_it_unchanged() -> None:
    tables = {"home": "a", "lake": {"days": 1, "names": []}}
    merged, _ = override(tables, KEYS, {"PI5_LAKE_DAYS": "2"})
    assert merged == {"home": "a", "lake": {"days": 2, "names": []}}
    assert tables["lake"] == {"days": 1, "names": []}


def test_a_misspelt_variable_of_a_known_section_is_refused() -> None:
    with pytest.raises(ConfigFileError, match="variable PI5_LAKE_DAY: there is no such key in") as caught:
        override({}, KEYS, {"PI5_LAKE_DAY": "2"})
    assert caught.value.reason == "there is no such key in [lake]"


def test_variables_of_other_programs_are_left_alone() -> None:
    assert override({}, KEYS, {"PI5_KILLS": "2", "LAKE_DAY": "2"}) == ({}, {})


def test_a_section_that_is_no_table_cannot_be_overridden() -> None:
    with pytest.raises(ConfigFileError, match="key 'lake' is no table in the file"):
        override({"lake": 3}, KEYS, {"PI5_LAKE_DAYS": "2"})


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "pi5.toml"
    path.write_text("home = 1\nhome = \n")
    with pytest.raises(ConfigFileError, match=r"pi5\.toml: not valid TOML: .*line 2"):
        read_toml(path)


@pytest.mark.parametrize("content", [None, b"home = \xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pi5.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigFileError, match=r"pi5\.toml: cannot be read"):
        read_toml(path)


def test_an_override_is_blamed_before_the_file(file: Path) -> None:
    message = "Expected `str`, got `int` - at `$.lake.names[0]`"
    what, where = explain(message, file, {"lake.names": "PI5_LAKE_NAMES"})
    assert (what, where) == ("key 'lake.names[0]': expected `str`, got `int`", "environment variable PI5_LAKE_NAMES")


def test_an_unknown_key_at_the_top_is_named_without_a_table(tmp_path: Path) -> None:
    path = tmp_path / "pi5.toml"
    path.write_text('\nhoem = "x"\n')
    what, where = explain("Object contains unknown field `hoem`", path, {})
    assert (what, where) == ("unknown key 'hoem'", f"{path}, line 2")
