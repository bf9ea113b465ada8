"""Which pieces a template includes, where a value decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.templates.parameters import complete, kind_of, parameter_list
from streamguard.connect.templates.pieces import pieces_of
from streamguard.errors import TemplateError

TEMPLATE = """
{% if way == "b" -%}
{% include "shared/b-sink.j2" %}
{% elif way == "c" -%}
{% include "shared/c-sink.j2" %}
{% else -%}
{% for each in [1] %}{% include "shared/a-sink.j2" %}{% endfor %}
{% endif -%}
{% if way is defined %}{% include "shared/always.j2" %}{% endif %}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("shared", "p"):
        (tmp_path / name).mkdir()
    for name in ("a-sink", "b-sink", "c-sink"):
        (tmp_path / "shared" / f"{name}.j2").write_text("{% include 'shared/inner.j2' %}")
        (tmp_path / "shared" / f"{name}.schema.yml").write_text(
            f"title: {name}\nrequired: [only_{name[0]}]\nproperties: {{only_{name[0]}: {{type: string}}}}\n"
        )
    (tmp_path / "shared" / "inner.j2").write_text("")
    (tmp_path / "shared" / "always.j2").write_text("")
    (tmp_path / "shared" / "always.schema.yml").write_text(
        "title: Always\nproperties: {way: {enum: [a, b, c], default: a}}\n"
    )
    (tmp_path / "p" / "one.json.j2").write_text(TEMPLATE)
    return tmp_path


def names(root: Path, **values: str) -> set[str]:
    pieces, _ = pieces_of(root / "p" / "one.json.j2", root, values=values)
    return {Path(piece.name).stem for piece in pieces}


@pytest.mark.parametrize(("way", "piece"), [("a", "a-sink"), ("b", "b-sink"), ("c", "c-sink"), ("d", "a-sink")])
def test_a_branch_counts_where_its_test_holds_and_none_before_it(root: Path, way: str, piece: str) -> None:
    assert names(root, way=way) == {piece, "inner", "always"}
    assert kind_of(root / "p" / "one.json.j2", root, {"way": way}) == piece[0]


def test_without_values_every_piece_is_named_and_a_test_of_another_form_counts_as_true(root: Path) -> None:
    pieces, used = pieces_of(root / "p" / "one.json.j2", root)
    assert {Path(piece.name).stem for piece in pieces} == {"a-sink", "b-sink", "c-sink", "inner", "always"}
    assert {piece.name for piece in pieces if not piece.conditions} == {"shared/always.j2"}
    assert "way" in used


def test_what_a_piece_requires_is_asked_for_only_where_it_is_chosen(root: Path) -> None:
    template = root / "p" / "one.json.j2"
    assert not any(one.required for one in parameter_list(template, root).parameters)
    assert complete(template, {"only_a": "x"}, root)["way"] == "a"  # by default
    assert complete(template, {"only_b": "x", "way": "b"}, root)["only_b"] == "x"
    with pytest.raises(TemplateError, match="the parameter only_b is missing"):
        complete(template, {"only_a": "x", "way": "b"}, root)


def test_a_value_for_the_other_way_is_no_slip(root: Path) -> None:
    (root / "p" / "one.yml").write_text("only_a: x\nonly_b: x\n")
    assert complete(root / "p" / "one.json.j2", {}, root)["only_a"] == "x"
