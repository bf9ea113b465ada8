"""A YAML text means the same whichever of PyYAML's parsers reads it; what fits the schema is checked once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.world import document
from streamguard.datagen.world.document import NoYaml, parse
from streamguard.datagen.world.reading import read_world
from streamguard.errors import ProjectError

SHIPPED = sorted((Path(__file__).parents[3] / "init" / "worlds").glob("*.yml"))
SCALARS = st.sampled_from(
    ["5", '"5"', "'true'", "true", "~", "NO", "12:30", "1e3", "2026-01-31", "|\n   5\n", "=", "-0"]
)


def read(text: str, loader: object) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_LOADER", loader)
        return parse(text)


@given(st.dictionaries(st.sampled_from("abcdef"), SCALARS, min_size=1))
def test_both_parsers_see_the_same_values_on_the_same_lines(values: dict[str, str]) -> None:
    text = "".join(f"{name}: {value}\n" for name, value in values.items())
    assert read(text, yaml.CSafeLoader) == read(text, yaml.SafeLoader)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_both_parsers_read_the_shipped_worlds_alike(path: Path) -> None:
    assert read(path.read_text(), yaml.CSafeLoader) == read(path.read_text(), yaml.SafeLoader)


def test_an_error_is_told_in_the_words_of_the_parser_that_has_more_of_them() -> None:
    with pytest.raises(NoYaml, match="indent with spaces"):
        parse("a:\n\t- b")


def test_a_world_that_fits_the_schema_is_held_against_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_world(SHIPPED[0], cache_dir=tmp_path)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert read_world(SHIPPED[0], cache_dir=tmp_path) == first
    with pytest.raises(ImportError):
        read_world(SHIPPED[0], {"about": "something else"}, cache_dir=tmp_path)


def test_a_world_that_does_not_fit_is_refused_every_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ProjectError, match="does not fit"):
            read_world(SHIPPED[0], {"about": 5}, cache_dir=tmp_path)
