"""A training loop of one's own, whose rate is changed by hand (TensorFlow backend)."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import numpy as np

from lrlab.data import Dataset
from lrlab.keras.evaluation import EVALUATION_BATCH, check_outputs, to_floats
from lrlab.keras.fitting import made_by
from lrlab.schedules import Constant
from lrlab.training import History, run_config
from lrlab.utils import checks


def train_with_manual_rate(
    model: keras.Model,
    dataset: Dataset,
    *,
    epochs: int,
    lr: float,
    change: Callable[[int, float], float],
    batch_size: int = 128,
    seed: int = 0,
) -> History:
    """Train by SGD in a custom loop and change the rate between epochs as a function decides.

    The rate is a variable of the optimiser, so the compiled update sees each new value. A rate
    that is a Python number within a ``tf.function`` would stay what it was when the function
    was traced.

    Args:
        model: Network from float images ``(N, height, width, channels)`` to logits
            ``(N, classes)``, trained in place.
        dataset: Images and labels.
        epochs: Passes through the training images, a positive integer.
        lr: Rate of epoch 0, at least 0.
        change: Called before each further epoch with its number and the rate so far; returns
            the rate of that epoch.
        batch_size: Images in an update; the last batch of an epoch holds the rest.
        seed: Seed of the order of the images.

    Returns:
        The history; its rates are read back from the optimiser after each update.

    Raises:
        ValueError: An argument or a rate that ``change`` returns breaks its rule, or Keras runs
            on another backend.

    Example:
        >>> from lrlab import data
        >>> network = [keras.Input((1, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(3)]
        >>> def halve_every_second_epoch(epoch, lr):
        ...     return lr / 2 if epoch % 2 == 0 else lr
        >>> history = train_with_manual_rate(
        ...     keras.Sequential(network),
        ...     data.load("blobs"),
        ...     epochs=5,
        ...     lr=0.5,
        ...     change=halve_every_second_epoch,
        ... )
        >>> history.lr
        [0.5, 0.5, 0.25, 0.25, 0.125]
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"KERAS_BACKEND must be tensorflow here, received {keras.backend.backend()!r}"
        )
    import tensorflow as tf

    if not callable(change):
        raise ValueError(f"change must be a function of epoch and lr, received {change!r}")
    config = run_config(
        dataset,
        model=model.name,
        epochs=epochs,
        schedule=Constant(lr),
        batch_size=batch_size,
        momentum=0.0,
        per="epoch",
        seed=seed,
    )
    config |= {"schedule": None, "lr": float(lr)}  # change is code, which no record can hold
    test = in_parts(to_floats(dataset.x_test), EVALUATION_BATCH)
    check_outputs(model, test[0][:1], dataset.classes)
    history = History(config, made_by(model, dataset))
    images, labels = tf.constant(to_floats(dataset.x_train)), tf.constant(dataset.y_train)
    optimizer = keras.optimizers.SGD(learning_rate=float(lr))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def update(batch):
        with tf.GradientTape() as tape:
            logits = model(tf.gather(images, batch), training=True)
            loss = cross_entropy(tf.gather(labels, batch), logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        start = time.perf_counter()
        if epoch > 0:
            wanted = change(epoch, float(optimizer.learning_rate))
            optimizer.learning_rate.assign(checks.rate("change(epoch, lr)", wanted))
        order, total = rng.permutation(len(images)), 0.0
        batches = in_parts(order, batch_size)
        for step, batch in enumerate(batches):
            total += len(batch) * update(batch)
            history.record_lr(epoch + step / len(batches), float(optimizer.learning_rate))
        logits = np.concatenate([model(part, training=False) for part in test])
        history.record_epoch(
            train_loss=float(total) / len(order),
            test_loss=float(cross_entropy(dataset.y_test, logits)),
            test_accuracy=float(np.mean(logits.argmax(axis=1) == dataset.y_test)),
            seconds=time.perf_counter() - start,
        )
        if history.stopped:
            break
    return history


def in_parts(array: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut an array along its first axis into parts of a size; the last one holds the rest.

    Example:
        >>> [part.tolist() for part in in_parts(np.arange(5), 2)]
        [[0, 1], [2, 3], [4]]
    """
    return np.split(array, range(size, len(array), size))
