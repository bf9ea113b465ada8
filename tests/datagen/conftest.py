"""One pool of people for all tests of the generator: it takes a while to make."""

from __future__ import annotations

import pytest

from streamguard.datagen.people import People, make_people


@pytest.fixture(scope="session")
def people() -> People:
    return make_people(300)
