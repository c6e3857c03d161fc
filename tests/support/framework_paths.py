"""Paths of the frameworks' own optimisers, and how far ours are from them.

A problem is a start w, the rates, the noise and a curvature. The gradient of step k is
noise[k] + curvature · w: that of a bowl under noise, or given beforehand if the curvature is 0.
"""

import contextlib
import math
from dataclasses import replace

import keras
import numpy as np
import schedulefree
import tensorflow as tf
import torch

from lrlab.optimizers import TWINS, Muon, ScheduleFreeAdamW, ScheduleFreeSGD, twin

MODULES = {"pytorch": torch.optim, "keras": keras.optimizers}
# What torch does not have, from the package of the method's authors.
PUBLISHED = {
    ScheduleFreeSGD: schedulefree.SGDScheduleFree,
    ScheduleFreeAdamW: schedulefree.AdamWScheduleFree,
}
# The lowest versions that lrlab takes lack some. Muon, a rule for matrices, has tests of its own.
CASES = [
    (cls, convention)
    for cls in TWINS
    for convention, (name, _) in TWINS[cls].items()
    if (convention == "pytorch" and cls in PUBLISHED)
    or (cls is not Muon and hasattr(MODULES[convention], name))
]


def framework_class(cls, convention):
    """The framework's own class, or a published one."""
    if convention == "pytorch" and cls in PUBLISHED:
        return PUBLISHED[cls]
    return getattr(MODULES[convention], TWINS[cls][convention][0])


def arguments(optimizer, convention) -> dict:
    """The optimizer's parameters, under the names that the framework has for them."""
    return twin(optimizer, convention)[1]


def our_path(optimizer, w, lrs, noise, curvature=0.0):
    path, state = [w], optimizer.start(w)
    for lr, shift in zip(lrs, noise, strict=True):
        w, state = optimizer.step(w, shift + curvature * w, state, lr)
        path.append(w)
    return np.array(path)


def torch_path(cls, options, w, lrs, noise, curvature=0.0):
    weights = torch.tensor(w, requires_grad=True)
    optimizer = framework_class(cls, "pytorch")([weights], lr=1.0, **options)
    noise, curvature, path = torch.tensor(noise), torch.tensor(curvature), [w]
    if hasattr(optimizer, "train"):
        optimizer.train()
    for lr, shift in zip(lrs, noise, strict=True):
        weights.grad = shift + curvature * weights.detach()
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.step()
        path.append(weights.detach().numpy().copy())
    return np.array(path)


@contextlib.contextmanager
def floatx(dtype):
    """What Keras keeps rates in."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def keras_path(cls, options, w, lrs, noise, curvature=0.0, dtype="float64"):
    with floatx(dtype):
        weights = keras.Variable(w, dtype=dtype)
        optimizer = framework_class(cls, "keras")(1.0, **options)
        optimizer.build([weights])
        lrs, noise, curvature = (tf.constant(x, dtype) for x in (lrs, noise, curvature))

        def step(k, path):
            optimizer.learning_rate.assign(lrs[k])
            optimizer.apply([noise[k] + curvature * weights.value], [weights])
            return k + 1, path.write(k, weights.value)

        # A graph, as `fit` has it: op by op, the steps take ten times as long. The loop is written
        # out, since TensorFlow does not translate Python's own on every version of Python.
        @tf.function(autograph=False)
        def descend():
            start = tf.constant(0), tf.TensorArray(dtype, size=len(lrs))
            return tf.while_loop(lambda k, path: k < len(lrs), step, start)[1].stack()

        return np.concatenate([[w], descend().numpy()])


def their_path(optimizer, convention, *problem):
    """The path of the framework, its optimiser made with the optimizer's parameters."""
    path = keras_path if convention == "keras" else torch_path
    return path(type(optimizer), arguments(optimizer, convention), *problem)


def error(ours, theirs) -> float:
    """The largest difference between two paths, as a part of how far the weight went."""
    assert ours.shape == theirs.shape
    assert np.isfinite(ours).all()
    far = np.abs(theirs - theirs[0]).max(axis=0)
    worst = np.abs(ours - theirs).max(axis=0)
    at_rest = np.where(worst == 0, 0.0, math.inf)
    return float(np.max(np.divide(worst, far, out=at_rest, where=far > 0)))


def in_float32(optimizer):
    """The optimizer with the numbers that float32 has next to its own.

    Keras casts some hyperparameters by ``tf.cast``, which makes them float32 on their way to any
    other type: momentum, the powers of the betas, weight decay, the initial accumulator.
    """
    numbers = {name: value for name, value in vars(optimizer).items() if isinstance(value, float)}
    return replace(optimizer, **{name: float(np.float32(value)) for name, value in numbers.items()})
