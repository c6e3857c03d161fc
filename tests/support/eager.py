"""TensorFlow without graphs: to make one takes longer than a few steps do without."""

from contextlib import contextmanager

import pytest

# What TensorFlow says of its own datasets meanwhile.
quiet = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly:UserWarning")


@contextmanager
def eagerly():
    """Let TensorFlow compute step by step.

    It also keeps its kernels where an epoch is seeded; none of those used here draws by itself.
    """
    import tensorflow as tf  # late, as Keras may have another backend
    from tensorflow.python.eager import context

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context.pywrap_tfe, "TFE_ContextClearCaches", lambda _: None)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)
