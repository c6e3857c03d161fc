"""The optimizers of `lrlab.optimizers` as Keras' own, and those that a Keras model keeps."""

from __future__ import annotations

import re
from typing import Any

import keras

from lrlab.optimizers import AdamW, Muon, Optimizer, twin
from lrlab.utils import checks


def make_optimizer(
    optimizer: Optimizer, lr: float | Any, clip_norm: float | None = None
) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer that does what one of `lrlab.optimizers` does.

    Args:
        optimizer: An optimizer of convention ``"keras"``; see also `leave_out`.
        lr: Rate until a callback sets another, or one of Keras' own schedules.
        clip_norm: Largest Euclidean norm of an update's gradient over all weights, greater than 0;
            a longer one is shortened to it. Keras calls it ``global_clipnorm``. None for any.

    Raises:
        ValueError: Keras has no such optimizer, see `lrlab.optimizers.twin`; or the norm breaks its
            rule.

    Example:
        >>> from lrlab.optimizers import RMSProp
        >>> made = make_optimizer(RMSProp(rho=0.95, convention="keras"), 0.01)
        >>> type(made).__name__, made.rho, made.epsilon
        ('RMSprop', 0.95, 1e-07)
    """
    name, arguments = twin(optimizer, "keras")
    clip_norm = checks.optional(checks.positive)("clip_norm", clip_norm)
    make = getattr(keras.optimizers, name)
    return make(learning_rate=lr, global_clipnorm=clip_norm, **arguments)


def leave_out(optimizer: Optimizer, made: keras.optimizers.Optimizer, model: keras.Model) -> None:
    """Tell a Keras optimizer which weights of a network it is to treat otherwise.

    Muon trains the last matrix as it does the rest, by AdamW. `lrlab.optimizers.AdamW` without
    ``decay_vectors`` leaves these as long as they are.

    Args:
        optimizer: What `make_optimizer` was given.
        made: What it returned, before its first update.
        model: A network that has its weights.

    Example:
        >>> from lrlab.optimizers import Muon
        >>> layers = [keras.layers.Dense(4, name="first"), keras.layers.Dense(3, name="last")]
        >>> model = keras.Sequential([keras.Input((2,)), *layers], name="net")
        >>> optimizer = Muon(convention="keras")
        >>> made = make_optimizer(optimizer, 0.01)
        >>> leave_out(optimizer, made, model)
        >>> made.exclude_layers
        ['^net/last/kernel$']
    """
    weights = model.trainable_variables
    if isinstance(optimizer, Muon):
        matrices = [weight for weight in weights if len(weight.shape) == 2]
        made.exclude_layers = [f"^{re.escape(weight.path)}$" for weight in matrices[-1:]]
    if isinstance(optimizer, AdamW) and not optimizer.decay_vectors:
        made.exclude_from_weight_decay([weight for weight in weights if len(weight.shape) < 2])


def kept_optimizers(model: keras.Model) -> dict[str, keras.optimizers.Optimizer]:
    """Return the optimizers that a model keeps, each by the place where it lies.

    Looked through are the attributes of the model, the lists and dicts among them, and the
    attributes of optimizers. A ``MultiOptimizer`` stands for each of its several, a
    ``LossScaleOptimizer`` for the one in it.

    Args:
        model: A compiled model.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> kept_optimizers(model)["optimizer"] is model.optimizer
        True
    """
    kept: dict[str, keras.optimizers.Optimizer] = {}

    def keep(place: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                keep(f"{place}[{key!r}]", part)
        elif isinstance(value, list | tuple):
            for number, part in enumerate(value):
                keep(f"{place}[{number}]", part)
        elif isinstance(value, keras.optimizers.Optimizer):
            inner = unwrapped(value)
            if hasattr(inner, "optimizers"):
                keep(f"{place}.optimizers", inner.optimizers)
            elif all(inner is not unwrapped(other) for other in kept.values()):
                kept[place] = value
                keep_attributes(f"{place}.", inner)

    def keep_attributes(place: str, of: Any) -> None:
        for name, value in vars(of).items():
            if not name.startswith("_self_"):  # where TensorFlow notes what it is to save
                keep(place + name, value)

    keep_attributes("", model)
    return kept


def unwrapped(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer that counts the updates: the one inside of a ``LossScaleOptimizer``."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def may_wait(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer may let batches pass without an update.

    It does if it sums up their gradients, or skips those whose gradients have overflowed.
    """
    inner = unwrapped(optimizer)
    return inner is not optimizer or bool(inner.gradient_accumulation_steps)
