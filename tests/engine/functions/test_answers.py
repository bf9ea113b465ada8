"""SHOW FUNCTIONS and DESCRIBE FUNCTION, as a server answers them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.language.parse import parse
from streamguard.engine.server.describe import Describer
from streamguard.errors import AnalysisError


def answer(text: str) -> dict[str, Any]:
    nothing = cast("Any", None)
    describer = Describer(nothing, nothing, nothing, nothing, {})
    [statement] = parse(text)
    describer.check(statement, Metastore())
    return describer.answer(statement, Metastore(), {}, {})


def test_show_functions_names_all_of_them() -> None:
    shown = answer("SHOW FUNCTIONS;")
    assert shown["@type"] == "function_names"
    assert {"name": "COUNT", "type": "AGGREGATE", "category": "AGGREGATE"} in shown["functions"]
    assert answer("LIST FUNCTIONS;")["functions"] == shown["functions"]


def test_describe_function_tells_every_variant() -> None:
    told = answer("DESCRIBE FUNCTION substring;")
    assert (told["@type"], told["name"], told["type"]) == ("describe_function", "SUBSTRING", "SCALAR")
    assert [each["returnType"] for each in told["functions"]] == ["STRING", "BYTES", "STRING", "BYTES"]


def test_a_function_that_does_not_exist() -> None:
    with pytest.raises(AnalysisError, match=r"any functions with the name 'SUBSTR' \(did you mean SUBSTRING\?\)"):
        answer("DESCRIBE FUNCTION substr;")
