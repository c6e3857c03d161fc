"""Tests of Keras may do without graphs; each of them says whether it does."""

import pytest

from tests.support.eager import eagerly


@pytest.fixture
def eager():
    with eagerly():
        yield
