"""Each test here asks PyTorch, and then Keras."""

import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from tests.support.backends import Keras, PyTorch


@pytest.fixture(scope="module", params=[PyTorch, Keras], ids=lambda backend: backend.name)
def backend(request):
    return request.param


@pytest.fixture(scope="module")
def eager():
    """Let TensorFlow compute step by step: to compile a few steps takes twice as long.

    It also keeps its kernels where an epoch is seeded; none of those used here draws by itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context.pywrap_tfe, "TFE_ContextClearCaches", lambda _: None)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)
