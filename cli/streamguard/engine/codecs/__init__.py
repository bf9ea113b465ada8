"""Bytes to column values and back, in the formats JSON, DELIMITED, KAFKA and NONE.

``value_decoder`` and ``key_decoder`` are the complete ways; compiled queries try a quick one first for JSON values and
come here for anything unusual. Whatever the bytes are, a decoder returns values or raises `Undecodable`.
"""

from streamguard.engine.codecs.errors import Misfit, Undecodable, Unusual, unusual
from streamguard.engine.codecs.keys import key_decoder, key_encoder
from streamguard.engine.codecs.rows import value_decoder, value_encoder
from streamguard.engine.codecs.timestamps import extractor

__all__ = [
    "Misfit",
    "Undecodable",
    "Unusual",
    "extractor",
    "key_decoder",
    "key_encoder",
    "unusual",
    "value_decoder",
    "value_encoder",
]
