"""A training loop of one's own, whose rate is changed by hand (TensorFlow backend)."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from lrlab.data import Dataset, as_floats


def train_by_hand(
    model: keras.Model,
    dataset: Dataset,
    *,
    epochs: int,
    lr: float,
    change: Callable[[int, float], float],
    batch_size: int = 128,
) -> list[float]:
    """Train by SGD in a loop of one's own, and change the rate between epochs as a function says.

    The rate is a variable of the optimizer, so the compiled update sees each new value. A rate
    that is a Python number within a ``tf.function`` would stay what it was when the function
    was traced.

    Args:
        model: Network from float images ``(N, height, width, channels)`` to logits
            ``(N, classes)``, trained in place.
        dataset: Its training images and labels are used.
        epochs: Passes through the training images.
        lr: Rate of epoch 0.
        change: Called before each further epoch with its number and the rate so far; returns
            the rate of that epoch.
        batch_size: Images in an update; the last batch of an epoch holds the rest.

    Returns:
        The rate of each epoch, read back from the optimizer after its last update.

    Raises:
        ValueError: Keras runs on another backend, or an epoch of the data set is not all of its
            images.

    Example:
        >>> from lrlab import data
        >>> network = [keras.Input((1, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(3)]
        >>> def halve_every_second_epoch(epoch, lr):
        ...     return lr / 2 if epoch % 2 == 0 else lr
        >>> train_by_hand(
        ...     keras.Sequential(network),
        ...     data.load("blobs"),
        ...     epochs=5,
        ...     lr=0.5,
        ...     change=halve_every_second_epoch,
        ... )
        [0.5, 0.5, 0.25, 0.25, 0.125]
    """
    if keras.backend.backend() != "tensorflow":
        name = keras.backend.backend()
        raise ValueError(f"KERAS_BACKEND must be tensorflow here, received {name!r}")
    if dataset.sequential or dataset.per_epoch is not None:
        raise ValueError(
            "dataset must be of images, all of which an epoch takes once, in this loop, "
            f"received {dataset}"
        )
    import tensorflow as tf

    optimizer = keras.optimizers.SGD(learning_rate=lr)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images, labels, used = as_floats(dataset.x_train), dataset.y_train, []

    @tf.function(reduce_retracing=True)
    def update(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = cross_entropy(y, model(x, training=True))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        if epoch > 0:
            optimizer.learning_rate.assign(change(epoch, float(optimizer.learning_rate)))
        order = rng.permutation(len(images))
        for batch in np.split(order, range(batch_size, len(order), batch_size)):
            update(images[batch], labels[batch])
        used.append(float(optimizer.learning_rate))
    return used
