"""Scalar, aggregate and table functions: what they are called, take and give, and the Python that they are."""

from streamguard.engine.functions import (  # noqa: F401  each registers its functions
    aggregates_collecting,
    aggregates_numeric,
    arrays,
    conditional,
    documents,
    maps,
    masking,
    mathematical,
    moments,
    numbers_of_bytes,
    regular,
    strings,
    urls,
)
from streamguard.engine.functions.aggregates import Aggregate, find_aggregate, is_aggregate
from streamguard.engine.functions.registry import FUNCTIONS, FunctionError, Scalar, find
from streamguard.engine.functions.tables import TABLE_FUNCTIONS, TableFunction, find_table_function

__all__ = [
    "FUNCTIONS",
    "TABLE_FUNCTIONS",
    "Aggregate",
    "FunctionError",
    "Scalar",
    "TableFunction",
    "find",
    "find_aggregate",
    "find_table_function",
    "is_aggregate",
]
