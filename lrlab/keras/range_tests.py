"""The learning-rate range test: on a data set of lrlab, or with a compiled model and its batches.

A Keras model cannot be copied with all that it is compiled with. So it is trained itself, batch by
batch, and its variables are put back.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras

from lrlab.data import Dataset, as_inputs
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.evaluation import check_outputs
from lrlab.keras.fitting import own_generators
from lrlab.keras.optimizers import kept_optimizers, leave_out, make_optimizer
from lrlab.keras.snapshot_files import assign, build_optimizer, copied
from lrlab.training import RangeRecorder, RangeTest, Recipe


def range_test(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    beta: float = 0.98,
    stop_at: float = 4.0,
) -> RangeTest:
    r"""Let the rate of a short training grow until it diverges, to find a rate for the real one.

    Update k of the K, counted from 0, has the rate :math:`\eta_k = a\,(b/a)^{k/(K-1)}` from
    ``low`` a to ``high`` b. The loss of its batch is measured before it, in training mode. The test
    stops when a loss is not finite, or when the smoothed loss exceeds ``stop_at`` times its
    minimum.

    Weights and random generators are left as they were, also by an interruption; what the model is
    compiled with is not touched.

    Args:
        model: As in `fit`.
        dataset: Training examples and labels, a batch of them at least.
        recipe: What the rate is sought for: optimizer, batch size, clipping and seed. Its schedule
            and epochs do not count, nor does its watch.
        low: First rate, greater than 0.
        high: Last rate, greater than ``low``.
        steps: How many updates, at least 10; they go on over as many epochs as it takes.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.

    Returns:
        Rates and losses, and what each rule makes of them.

    Raises:
        ValueError: An argument breaks its rule; the examples are fewer than a batch; or the loss is
            not finite from the beginning.

    Example:
        >>> from lrlab import Constant, data
        >>> network = [keras.Input((1, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(3)]
        >>> recipe = Recipe(Constant(1), epochs=1, batch_size=32)
        >>> blobs = data.load("blobs")
        >>> found = range_test(keras.Sequential(network), blobs, recipe, low=1e-4, high=100)
        >>> 0.01 < found.steepest() < 10
        True

    References:
        Smith 2017, arXiv:1506.01186.
    """
    recorder = RangeRecorder(low=low, high=high, steps=steps, beta=beta, stop_at=stop_at)
    planned = recorder.recipe(recipe, dataset.epoch_size)
    batches = ShuffledBatches(
        as_inputs(dataset.x_train),
        dataset.y_train,
        passes=dataset.passes,
        batch_size=planned.batch_size,
        seed=planned.seed,
    )
    with own_generators(), _keras_generators():
        check_outputs(model, dataset)
        shell = Shell(model)
        optimizer = make_optimizer(planned.optimizer, 0.0, clip_norm=planned.clip_norm)
        leave_out(planned.optimizer, optimizer, model)
        shell.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        return _run(shell, batches, recorder)


class Shell(keras.Model):
    """Computes what a model does, and is compiled in its place."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.inner = model

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.inner(inputs, training=training)


def range_test_of(
    model: keras.Model,
    batches: Iterable[Any],
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    beta: float = 0.98,
    stop_at: float = 4.0,
) -> RangeTest:
    """Do a `range_test` with a compiled model and batches of one's own.

    The model is trained as it is compiled, by its own ``train_step`` if it has one, from the
    optimizer's present state on. Afterwards all variables of model, metrics and optimizer are as
    they were, the rate and the count of updates among them, and so are the generators of Python,
    NumPy, Keras and the layers; also after an interruption. An optimizer that has no variables yet
    gets them.

    With ``gradient_accumulation_steps`` a batch still counts as an update, of which not each
    changes the weights: let the test be as many times as long.

    Args:
        model: A compiled model that has its weights; its optimizer's rate is a number.
        batches: A ``PyDataset``, a ``tf.data.Dataset``, a list or the like, of inputs and targets
            with or without weights; it is begun anew where it ends. For arrays:
            ``ShuffledBatches(x, y)``.
        low: First rate, greater than 0.
        high: Last rate, greater than ``low``.
        steps: How many updates, at least 10.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.

    Returns:
        Rates and losses, and what each rule makes of them.

    Raises:
        ValueError: An argument breaks its rule; the model has no weights yet, not just one
            optimizer, or a schedule as its rate; there are too few batches; or the loss is not
            finite from the beginning.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> x = keras.ops.ones((8, 1))
        >>> found = range_test_of(model, [(x, 3 * x)])
        >>> round(found.steepest(), 3)  # of a bowl, on which 0.5 is the largest rate
        0.066
    """
    recorder = RangeRecorder(low=low, high=high, steps=steps, beta=beta, stop_at=stop_at)
    if not model.built:
        raise ValueError(
            f"model must have its weights before a range test, received {model.name} without: "
            "begin it with a keras.Input, or call it on a batch"
        )
    with own_generators(), _keras_generators():
        return _run(model, batches, recorder)


def _run(model: keras.Model, batches: Iterable[Any], recorder: RangeRecorder) -> RangeTest:
    optimizer = _optimizer(model)
    with _as_it_was(model):
        for lr, batch in recorder.over(_Epochs(batches)):
            optimizer.learning_rate = lr
            model.reset_metrics()  # in Keras 3.11 the loss is the mean over all batches since
            x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
            logs = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
            recorder.record(float(optimizer.learning_rate.numpy()), float(logs["loss"]))
            if recorder.stopped:
                break
    return recorder.result()


def _optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """The one optimizer of a model, if its rate can be set."""
    kept = kept_optimizers(model)
    if list(kept) != ["optimizer"]:
        raise ValueError(
            "model must be compiled with one optimizer for a range test, received one with "
            f"{', '.join(kept) or 'none'}"
        )
    build_optimizer(model)
    optimizer = kept["optimizer"]
    if all(variable is not optimizer.learning_rate for variable in optimizer.variables):
        raise ValueError(
            "learning_rate of the optimizer must be a number for a range test to change it, "
            "received a LearningRateSchedule or a function; compile the model with a number first"
        )
    return optimizer


@contextmanager
def _as_it_was(model: keras.Model) -> Iterator[None]:
    """Put back what training changes in a compiled model."""
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    before = copied({id(variable): variable for variable in variables}.values())
    try:
        yield
    finally:
        model.reset_metrics()  # some are made by the first batch
        assign(before)


@contextmanager
def _keras_generators() -> Iterator[None]:
    """Put back what operations without a seed of their own draw from.

    Keras has one generator for them all, made when it is first asked for. With PyTorch as the
    backend dropout draws from torch's.
    """
    name, state = "global_seed_generator", keras.src.backend.common.global_state
    ours = state.get_global_attribute(name)
    before = copied([ours.state] if ours else [])
    torch = sys.modules["torch"] if keras.backend.backend() == "torch" else None
    with torch.random.fork_rng() if torch else nullcontext():
        try:
            yield
        finally:
            assign(before)
            state.set_global_attribute(name, ours)


class _Epochs:
    """Batches that begin anew as often as one iterates over them, as ``fit`` does."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches: Any = batches
        if isinstance(batches, keras.utils.PyDataset):
            self._batches = copy.copy(batches)  # it counts epochs, or draws an order for each

    def __iter__(self) -> Iterator[Any]:
        if not isinstance(self._batches, keras.utils.PyDataset):
            yield from self._batches
            return
        self._batches.on_epoch_begin()
        for number in range(len(self._batches)):
            yield self._batches[number]
        self._batches.on_epoch_end()
