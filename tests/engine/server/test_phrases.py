"""Status lines with words."""

from __future__ import annotations

import h11

from streamguard.engine.server.phrases import phrase, worded


def test_a_response_without_words_gets_them() -> None:
    assert worded(h11.Response(status_code=200, headers=[])).reason == b"OK"
    assert worded(h11.InformationalResponse(status_code=101, headers=[])).reason == b"Switching Protocols"
    assert worded(h11.Response(status_code=200, headers=[], reason=b"fine")).reason == b"fine"


def test_what_is_no_response_is_left_alone() -> None:
    data = h11.Data(data=b"x")
    assert worded(data) is data
    assert phrase(299) == ""
