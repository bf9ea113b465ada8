from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.connect.templates.render import Connector, render
from streamguard.errors import Refused, TemplateError

HEAD = '{"connector.class": "Sink", '
PAYLOADS = [
    '"', '\\', '\\"', '", "connector.class": "Evil', '", "x": "y', '"}', '"}, {"a": "b', '"\n', "\n", "\r\n", "\t",
    "\x00", "\x01", "\x1f", "\x7f", "\u2028", "\u2029", "\ufeff", "\\u0022, \\u0022x\\u0022: \\u0022y", "\\n", "\\\\",
    "{", "}", "[", "]", ":", ",", "{}", "[]", "null", "true", "1e999", "NaN", "-0", "/*", "*/", "//", "#", "--", "<!--",
    "<script>alert(1)</script>", "&quot;", "&#34;", "&amp;", "'", "`id`", "$(id)", "%s", "%(x)s", "{0}", "{{ 7 * 7 }}",
    "{% include 'x' %}", "{# x #}", "{{ self }}", "{{ ''.__class__.__mro__ }}", "$", "${", "$}", "${}", "${x}", "$$",
    "\ud7ff", "\U0001f600", "ÄÖÜ", "\u202eabc", " ", "", "a" * 10_000, "';DROP TABLE x;--", "../../etc/passwd", "name",
]  # fmt: skip
REFERENCES = [
    "${env:HOME}",
    "a${env:X}b",
    "${file:/etc/passwd:x}",
    "${dir:/etc:x}",
    "x${:}y",
    "${env:\nX}",
    "${a:b:c:d}",
]


def project(folder: Path, body: str, **others: str) -> Path:
    """A folder of templates with one pipeline; returns the template of `body`."""
    (folder / "bank").mkdir(parents=True, exist_ok=True)
    (folder / "shared").mkdir(exist_ok=True)
    for name, text in others.items():
        (folder / "shared" / f"{name}.j2").write_text(text)
    template = folder / "bank" / "sink.json.j2"
    template.write_text(body)
    return template


def rendered(folder: Path, body: str, values: Mapping[str, Any] | None = None, **others: str) -> Connector:
    return render(project(folder, body, **others), values or {}, folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One template that prints `x` in every place where a template can."""
    folder = tmp_path_factory.mktemp("connectors")
    template = project(
        folder,
        """{% from "shared/macros.j2" import pair, text, wrapped with context %}{% set alias = pair %}
          {%- set block %}{{ x }}{% endset %}{
          "connector.class": "Sink",
          "plain": "{{ x }}",
          "between": "a {{ x }} b",
          "twice": "{{ x }}{{ x }}",
          "filtered": "{{ x | default("d") }}",
          "joined": "{{ [x, "z"] | join(",") }}",
          "concatenated": "{{ "p" ~ x }}",
          {{ pair("macro", x) }},
          {{ alias("aliased", x) }},
          "glued": "{{ text(x) ~ x }}",
          "trimmed": "{{ text(x) | trim | replace("zz", "z") }}",
          "set": "{{ block }}",
          "filter": "{% filter replace("zz", "z") %}{{ x }}{% endfilter %}",
          {% call wrapped("called") %}{{ x }}{% endcall %},
          "{{ "key-" ~ x }}": "of a key",
          {% include "shared/included.j2" %}
        }""",
        macros="""{% macro pair(key, value) %}"{{ key }}": "{{ value }}"{% endmacro %}
          {% macro text(value) %}a{{ value }}b{% endmacro %}
          {% macro wrapped(key) %}"{{ key }}": "{{ caller() }}"{% endmacro %}""",
        included='"included": "{{ x }}"',
    )
    return folder, template


def check_stays_a_value(corpus: tuple[Path, Path], payload: str) -> None:
    folder, template = corpus
    config = render(template, {"x": payload}, folder).config
    assert config == {
        "connector.class": "Sink",
        "plain": payload,
        "between": f"a {payload} b",
        "twice": payload * 2,
        "filtered": payload,
        "joined": f"{payload},z",
        "concatenated": f"p{payload}",
        "macro": payload,
        "aliased": payload,
        "glued": f"a{payload}b{payload}",
        "trimmed": f"a{payload.replace('zz', 'z')}b",
        "set": payload,
        "filter": payload.replace("zz", "z"),
        "called": payload,
        f"key-{payload}": "of a key",
        "included": payload,
    }


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload)[:30])
def test_a_payload_stays_a_value(corpus: tuple[Path, Path], payload: str) -> None:
    check_stays_a_value(corpus, payload)


@settings(max_examples=40, deadline=None)
@given(payload=st.text(alphabet=st.characters(exclude_characters="$", exclude_categories=["Cs", "Co"])))
def test_any_text_stays_a_value(corpus: tuple[Path, Path], payload: str) -> None:
    check_stays_a_value(corpus, payload)


@pytest.mark.parametrize("payload", REFERENCES, ids=ascii)
def test_a_value_can_not_smuggle_in_a_reference(corpus: tuple[Path, Path], payload: str) -> None:
    with pytest.raises(Refused, match="references are written in templates"):
        render(corpus[1], {"x": payload}, corpus[0])


def test_a_reference_put_together_from_template_and_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"\$\{env:HOME\}"):
        rendered(tmp_path, HEAD + '"a": "$ {{ x }}", "b": "${{ y }}"}', {"x": "{", "y": "{env:HOME}"})


def test_a_reference_put_together_in_a_macro_or_a_block_is_refused(tmp_path: Path) -> None:
    for body in (
        "{% macro m(v) %}{{ v }}{% endmacro %}" + HEAD + '"a": "{{ m(x) ~ x }}"}',
        "{% macro m(v) %}${{ v }}{% endmacro %}{% set f = m %}" + HEAD + '"a": "{{ f(y) }}"}',
        "{% set b %}${{ y }}{% endset %}" + HEAD + '"a": "{{ b }}"}',
        HEAD + '"a": "{{ "${" ~ z }}"}',
    ):
        with pytest.raises(Refused, match=r"line 1: a value puts the reference \$\{env:HOME\} into a"):
            rendered(tmp_path, body, {"x": "${env:HOME}", "y": "{env:HOME}", "z": "env:HOME}"})


def test_a_value_can_name_a_variable_and_not_change_the_provider(tmp_path: Path) -> None:
    body = HEAD + '"a": "{{ env(x) }}", "b": "${env:{{ x }}}"}'
    connector = rendered(tmp_path, body, {"x": "MY_KEY"})
    assert connector.config["a"] == connector.config["b"] == "${env:MY_KEY}"
    assert connector.references == {"a": ("${env:MY_KEY}",), "b": ("${env:MY_KEY}",)}
    with pytest.raises(TemplateError, match=r"line 1: env.. takes the name"):
        rendered(tmp_path, HEAD + '"a": "{{ env(x) }}"}', {"x": "A}${file:/etc/passwd:x"})


def test_every_value_becomes_text(tmp_path: Path) -> None:
    body = HEAD + '"n": 4, "f": 1.5, "t": true, "b": {{ x }}, "v": {{ y }}, "s": "{{ x }}"}'
    config = rendered(tmp_path, body, {"x": False, "y": 7}).config
    assert config == {
        "connector.class": "Sink",
        "n": "4",
        "f": "1.5",
        "t": "true",
        "b": "false",
        "v": "7",
        "s": "false",
    }


def test_the_name_is_that_of_the_file(tmp_path: Path) -> None:
    connector = rendered(tmp_path, HEAD + '"dead": "{{ name }}-dead-letter"}')
    assert (connector.name, connector.config["dead"]) == ("sink", "sink-dead-letter")
    assert "name" not in rendered(tmp_path, HEAD + '"name": "sink"}').config


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (HEAD + '\n\n  "a": "{{ topcis }}"}', "line 3: topcis is not defined (did you mean topics?)"),
        (HEAD + '\n"a": "{{ zzz }}{{ yyy }}"}', "line 2: zzz is not defined: give it in the values file"),
        (HEAD + '\n"a": "{{ topics.missing }}"}', "line 2: 'str object' has no attribute 'missing'"),
        (HEAD + '\n"a": "{{ topics }"}', "sink.json.j2, line 2: unexpected '}'"),
        (HEAD + '\n"a": "{{ topics | shout }}"}', "line 2: No filter named 'shout'"),
        (HEAD + '\n{% include "shared/none.j2" %}}', "line 2: there is no template shared/none.j2"),
        (HEAD + '\n{% include "../secret.j2" %}}', "line 2: ../secret.j2 lies outside of"),
        (HEAD + '\n{% include "/etc/hostname" %}}', "line 2: /etc/hostname lies outside of"),
        (HEAD + '"a": "{{ listed }}"}', "line 1: a template prints text and numbers, and this value is a list"),
        (HEAD + '"a": "{{ nothing }}"}', "this value is nothing (null)"),
        (HEAD + '"a": "{{ mapped }}"}', "this value is dict"),
        (HEAD + '\n"a": "{{ topics.encode() }}"}', "line 2: the sandbox refuses this"),
        (HEAD + '"a": "{{ "{:c}".format(983074) }}"}', "the sandbox refuses this: format is not"),
        (HEAD + '"a": "{{ ["{:c}"] | map(attribute="format") | first }}"}', "the sandbox refuses this: format is not"),
        (HEAD + '"a": "{{ "%c" % 983074 }}"}', "the sandbox refuses this: % takes numbers here"),
        (HEAD + '"a": "{{ topics * 1000000000 }}"}', "the sandbox refuses this: * takes numbers here"),
        (HEAD + '"a": "{{ 9 ** 999999999 }}"}', "the sandbox refuses this: ** takes numbers here"),
        (HEAD + '"a": "\\{{ topics }}"}', "line 1: a value can not complete an escape"),
        (HEAD + '"a": "\\u00{{ topics }}"}', "line 1: a value can not complete an escape"),
        (HEAD + '"a": "1",\n\n"a": "2"}', "sink.json.j2, line 3: the key a is there twice, before at "),
        (HEAD + '"a{{ colon }}b": "1",\n"a:b": "2"}', "line 2: the key a:b is there twice"),
        (HEAD + '\n"a": "1"\n"b": "2"}', "the rendered text is no JSON"),
        (HEAD + '\n\n"a": NaN}', "line 3: the rendered text is no JSON: NaN is no value of JSON"),
        (HEAD + '\n"a": {"b": 1}}', "line 2: a takes text, a number or a boolean, not an object"),
        (HEAD + '\n"streamguard.state": "off"}', "line 2: streamguard.state is running, paused or stopped, not 'off'"),
        (HEAD + '\n"streamguard.owner": "me"}', "line 2: of the keys streamguard.… a template sets streamguard.state"),
        (HEAD + '"a": "1"} "b"', "something behind the end"),
        (HEAD + '"a": "{{ topics.__class__.__mro__ }}"}', "access to attribute '__class__' of 'str' object is unsafe"),
        (HEAD + '"a": "{{ listed.append(1) }}"}', "access to attribute 'append' of 'list' object is unsafe"),
        (HEAD + '"a": "{{ range(100000000) | length }}"}', "Range too big"),
        (HEAD + '"a": "{{ 1 / 0 }}"}', "line 1: division by zero"),
        (HEAD + '"a": "1", "a": "2"}', "the key a is there twice"),
        (HEAD + '"a": "1",}', "the rendered text is no JSON"),
        (HEAD + '"a": {{ topics }}}', "the rendered text is no JSON"),
        (HEAD + '"a": {"b": 1}}', "a takes text, a number or a boolean, not an object"),
        (HEAD + '"a": [1]}', "a takes text, a number or a boolean, not a list"),
        (HEAD + '"a": null}', "a takes text, a number or a boolean, not null"),
        ("[]", "the rendered text is no JSON object"),
        ("", "the rendered text is no JSON"),
        ('{"a": "b"}', "connector.class must name the plugin's class"),
        ('{"connector.class": "${env:X}"}', "connector.class must name the plugin's class"),
        (HEAD + '"name": "other"}', "its name is sink, from the file's name"),
    ],
    ids=lambda text: text[-40:] if isinstance(text, str) else "",
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, body: str, says: str) -> None:
    (tmp_path / "secret.j2").write_text("x")
    values = {"topics": "t", "listed": [1], "mapped": {"a": 1}, "nothing": None, "colon": ":"}
    with pytest.raises(TemplateError) as caught:
        rendered(tmp_path / "connectors", body, values)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_name_that_is_not_defined_is_told_with_file_and_line(tmp_path: Path) -> None:
    body = HEAD + '\n"a": "{{ one }}",\n{% include "shared/part.j2" %}}'
    with pytest.raises(TemplateError) as caught:
        rendered(tmp_path, body, {}, part='"b": "{{ name }}",\n"c": "{% if two %}{{ three.four }}{% endif %}"')
    part = tmp_path / "shared" / "part.j2"
    assert str(caught.value) == (
        f"{tmp_path / 'bank' / 'sink.json.j2'}, line 2: one is not defined: give it in the values file, or by "
        f"--set NAME=VALUE; neither are two ({part}, line 2), three ({part}, line 2)"
    )


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    config = rendered(tmp_path, HEAD + '"a": 1.50, "b": 1e3, "c": 12345678901234567890123, "d": -0}').config
    assert (config["a"], config["b"], config["c"], config["d"]) == ("1.50", "1e3", "12345678901234567890123", "-0")


@pytest.mark.parametrize(("written", "state"), [("paused", "paused"), ("stopped", "stopped"), ("running", "running")])
def test_the_state_is_part_of_the_template_and_not_of_the_config(tmp_path: Path, written: str, state: str) -> None:
    connector = rendered(tmp_path, HEAD + '"streamguard.state": "{{ state }}"}', {"state": written})
    assert connector.state == state
    assert connector.pipeline == "bank"
    assert connector.config == {"connector.class": "Sink"}
    assert rendered(tmp_path, HEAD + '"a": "b"}').state == "running"


def test_a_mistake_in_an_included_file_is_told_with_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"shared/part\.j2, line 2: missing is not defined"):
        rendered(tmp_path, HEAD + '{% include "shared/part.j2" %}}', part='"a": "1",\n"b": "{{ missing }}"')


def test_constants_of_a_template_are_printed_like_values(tmp_path: Path) -> None:
    config = rendered(tmp_path, HEAD + """"a": "{{ '<\\"&' }}", "b": "{{ 1 }}"}""").config
    assert (config["a"], config["b"]) == ('<"&', "1")
    with pytest.raises(TemplateError, match="nothing"):
        rendered(tmp_path, HEAD + '"a": "{{ none }}"}')


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"a": "1"')
    template = project(tmp_path / "connectors", HEAD + '{% include "shared/link.j2" %}}')
    (tmp_path / "connectors" / "shared" / "link.j2").symlink_to(tmp_path / "secret")
    with pytest.raises(TemplateError, match="lies outside of"):
        render(template, {}, tmp_path / "connectors")


def test_conditions_loops_and_sets_work(tmp_path: Path) -> None:
    body = """{% set t = "x" %}{ "connector.class": "Sink",
    {% for key in keys %}"k.{{ key }}": "{{ t }}"{% if not loop.last %},{% endif %}{% endfor %} }"""
    assert rendered(tmp_path, body, {"keys": ["a", "b"]}).config == {"connector.class": "Sink", "k.a": "x", "k.b": "x"}


def test_a_name_that_rest_can_not_reach_is_refused(tmp_path: Path) -> None:
    template = project(tmp_path, HEAD + '"a": "b"}')
    odd = template.with_name("a%b.json.j2")
    template.rename(odd)
    with pytest.raises(TemplateError, match="can not reach a connector named 'a%b'"):
        render(odd, {}, tmp_path)


def test_private_characters_of_values_and_templates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="private plane"):
        rendered(tmp_path, HEAD + '"a": "{{ x }}"}', {"x": "\U000f0022"})
    with pytest.raises(TemplateError, match="private plane"):
        rendered(tmp_path, HEAD + '"a": "\U000f0022"}')
