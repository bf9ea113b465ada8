"""Where a key was written, and which parameters it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.connect.templates.marks import Origin
from streamguard.connect.templates.printing import PRIVATE
from streamguard.connect.templates.render import Connector, render
from streamguard.errors import TemplateError

HEAD = '{"connector.class": "Sink",\n'


def rendered(folder: Path, body: str, values: dict[str, Any] | None = None, **others: str) -> Connector:
    (folder / "bank").mkdir(parents=True, exist_ok=True)
    for name, text in others.items():
        (folder / f"{name}.j2").write_text(text)
    template = folder / "bank" / "sink.json.j2"
    template.write_text(body)
    return render(template, values or {}, folder)


def origin(connector: Connector, key: str) -> tuple[str, int, tuple[str, ...]]:
    found = connector.origins[key]
    return found.file.name, found.line, found.parameters


def test_every_key_knows_its_line_and_the_parameters_that_it_prints(tmp_path: Path) -> None:
    body = (
        HEAD + '  "a": "{{ x }}", "b": "{{ y | upper }}-{{ x }}",\n\n  {# a\n comment #}"c": {{ [x, z] | join(",") }}}'
    )
    connector = rendered(tmp_path, body.replace("{{ [", '"{{ [').replace("}}}", '}}"}'), {"x": 1, "y": "u", "z": "v"})
    assert origin(connector, "connector.class") == ("sink.json.j2", 1, ())
    assert origin(connector, "a") == ("sink.json.j2", 2, ("x",))
    assert origin(connector, "b") == ("sink.json.j2", 2, ("y", "x"))
    assert origin(connector, "c") == ("sink.json.j2", 5, ("x", "z"))
    assert str(connector.origins["a"]) == f"{tmp_path / 'bank' / 'sink.json.j2'}, line 2"


def test_a_key_of_an_included_file_is_of_that_file_whatever_was_trimmed_before(tmp_path: Path) -> None:
    part = '{#- of two\n lines -#}\n\n"a": "1",\n{% if x -%}\n"b": "{{ x }}"\n{%- endif %}'
    connector = rendered(tmp_path, HEAD + '\n{% include "part.j2" %},\n"c": "1"}', {"x": "y"}, part=part)
    assert origin(connector, "a") == ("part.j2", 4, ())
    assert origin(connector, "b") == ("part.j2", 6, ("x",))
    assert origin(connector, "c") == ("sink.json.j2", 4, ())


def test_a_key_of_a_macro_is_of_the_macro_with_the_parameters_of_the_call(tmp_path: Path) -> None:
    macros = '\n{% macro pair(key, value) %}\n"{{ key }}": "{{ value }}"{% endmacro %}'
    body = '{% from "macros.j2" import pair %}' + HEAD + '{{ pair("a", x) }},\n{{ pair(y, "1") }}}'
    connector = rendered(tmp_path, body, {"x": "1", "y": "b"}, macros=macros)
    assert origin(connector, "a") == ("macros.j2", 3, ("x",))
    assert origin(connector, "b") == ("macros.j2", 3, ("y",))


def test_parameters_are_followed_through_sets_loops_and_scopes(tmp_path: Path) -> None:
    body = (
        "{% set s = x ~ 'z' %}"
        + HEAD
        + '"set": "{{ s }}",\n{% with w = y %}"with": "{{ w }}"{% endwith %},\n'
        + '"loop": "{% for i in listed %}{{ i }}{% endfor %}",\n'
        + '{% for i in keys %}"{{ i }}": "{{ loop.index }}"{% if not loop.last %},{% endif %}{% endfor %}}'
    )
    connector = rendered(tmp_path, body, {"x": 1, "y": 2, "listed": [1, 2], "keys": ["k", "l"]})
    assert connector.config["loop"] == "12"
    found = {key: found.parameters for key, found in connector.origins.items() if found.parameters}
    assert found == {"set": ("x",), "with": ("y",), "loop": ("listed",), "k": ("keys",), "l": ("keys",)}


def test_a_reference_names_the_parameter_that_names_its_variable(tmp_path: Path) -> None:
    connector = rendered(tmp_path, HEAD + '"a": "{{ env(name_of_it) }}"}', {"name_of_it": "X"})
    assert origin(connector, "a") == ("sink.json.j2", 2, ("name_of_it",))


def test_escapes_in_keys_and_values_do_not_shift_lines(tmp_path: Path) -> None:
    body = HEAD + '"a": "{\\"type\\": \\"{{ x }}\\",\\n}",\n"b\\u0041": "1"}'
    connector = rendered(tmp_path, body, {"x": "int"})
    assert connector.config["a"] == '{"type": "int",\n}'
    assert origin(connector, "a") == ("sink.json.j2", 2, ("x",))
    assert origin(connector, "bA") == ("sink.json.j2", 3, ())


def test_marks_are_never_in_what_a_template_compares_or_measures(tmp_path: Path) -> None:
    body = (
        "{% macro kind(of) %}{{ of }}-sink{% endmacro %}{% set text %}{{ x }}{% endset %}"
        + HEAD
        + '"a": "{{ "yes" if kind(x) == "s3-sink" else "no" }}", "b": "{{ kind(x) | length }}",'
        + '"c": "{{ text | length }}", "d": "{% filter upper %}{{ x }}{% endfilter %}"}'
    )
    config = rendered(tmp_path, body, {"x": "s3"}).config
    assert {key: config[key] for key in "abcd"} == {"a": "yes", "b": "7", "c": "2", "d": "S3"}


@pytest.mark.parametrize("size", range(1, 12))
def test_half_a_mark_that_a_filter_has_left_is_none(tmp_path: Path, size: int) -> None:
    macro = '{% macro m() %}"k": "{{ x }}"{% endmacro %}'
    cut = "{% filter truncate(" + str(size) + ', true, "", 0) %}{{ m() }}{% endfilter %}'
    try:
        config = rendered(tmp_path, macro + HEAD + cut + "}", {"x": "v"}).config
    except TemplateError as exc:
        said = str(exc)
    else:
        said = "".join(config.values())
    assert not PRIVATE.search(said)


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.sampled_from(["", " ", "{# c #}", "{#- c\n c -#}", "{% if true -%}{% endif %}"]), max_size=8))
def test_lines_are_right_whatever_stands_between_keys(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    body = HEAD + "\n".join([*lines, '"a": "1"}'])
    line = body[: body.index('"a"')].count("\n") + 1
    assert rendered(tmp_path_factory.mktemp("c"), body).origins["a"].line == line


def test_origins_are_not_part_of_what_makes_connectors_equal() -> None:
    one = Connector("c", {"a": "1"}, Path("c"), origins={"a": Origin(Path("c"), 1)})
    assert one == Connector("c", {"a": "1"}, Path("c"))
