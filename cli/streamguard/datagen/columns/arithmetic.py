"""Exponential and logarithm from addition, multiplication and division alone.

Those of a C library or of numpy may differ in the last digit from machine to machine; what IEEE 754 asks of the four
operations may not. Every table of a world is made from these, so it is the same everywhere. Errors are a few units in
the last place. Arrays are of float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LN2_HIGH = 0.693147180369123816490  # the first 33 bits of ln 2: products with small whole numbers are exact
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896340736
_EXP_TERMS = 14
_LOG_TERMS = 12
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_HALF_LOG_TAU = 0.91893853320467274178


def exp(exponents: Floats) -> Floats:
    """e to the power of each; for exponents from -700 to 700."""
    twos = np.floor(exponents * _LOG2_E + 0.5)
    rest = (exponents - twos * _LN2_HIGH) - twos * _LN2_LOW
    total = np.ones_like(rest)
    for term in range(_EXP_TERMS, 0, -1):
        total = 1.0 + rest * total / term
    result: Floats = np.ldexp(total, twos.astype(np.int64))
    return result


def log(numbers: Floats) -> Floats:
    """The natural logarithm of each positive number."""
    mantissas, twos = np.frexp(numbers)
    small = mantissas < 0.70710678118654752440
    mantissas = np.where(small, mantissas * 2, mantissas)
    twos = np.where(small, twos - 1, twos).astype(np.float64)
    ratio = (mantissas - 1.0) / (mantissas + 1.0)
    square = ratio * ratio
    total = np.zeros_like(ratio)
    for term in range(_LOG_TERMS, -1, -1):
        total = total * square + 1.0 / (2 * term + 1)
    result: Floats = twos * _LN2_HIGH + (2.0 * ratio * total + twos * _LN2_LOW)
    return result


def log1(number: float) -> float:
    """The natural logarithm of one number."""
    return float(log(np.array([number]))[0])


def log_gamma(number: float) -> float:
    """The logarithm of the gamma function of a positive number, by Stirling's series."""
    product = 1.0
    while number < 15:
        product *= number
        number += 1
    series, power = 0.0, number
    for term in _STIRLING:
        series += term / power
        power *= number * number
    return (number - 0.5) * log1(number) - number + _HALF_LOG_TAU + series - log1(product)
