"""Each test here asks PyTorch, and then Keras."""

import pytest

from tests.support.backends import Keras, PyTorch


@pytest.fixture(scope="module", params=[PyTorch, Keras], ids=lambda backend: backend.name)
def backend(request):
    return request.param
