"""Each test here asks PyTorch, and then Keras."""

import pytest

from tests.support.backends import Keras, PyTorch
from tests.support.eager import eagerly


@pytest.fixture(scope="module", params=[PyTorch, Keras], ids=lambda backend: backend.name)
def backend(request):
    return request.param


@pytest.fixture(scope="module")
def eager():
    """Graphs are made in tests/keras, and where a test here says so."""
    with eagerly():
        yield
