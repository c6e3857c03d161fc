"""One stream of updates, and observers that look on.

`fit` and everything that measures a training step by step (snapshots, first steps, rates of
weights) share this loop, so each meets the same images in the same order.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lrlab.data import Dataset
from lrlab.pytorch.device import pick_device, to_device
from lrlab.pytorch.evaluation import check_outputs, cross_entropy, evaluate_on_device
from lrlab.pytorch.optimizers import make_optimizer, parameters_for
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR
from lrlab.training import Recipe
from lrlab.utils import checks, instance


class Observer:
    """Looks on while a network is trained; a subclass defines what it needs of these.

    An observer ends the training by setting `Training.stopped`.
    """

    def before_update(self, training: Training) -> None:
        """See the loss of a batch, with its graph, before the gradient is taken."""

    def after_update(self, training: Training) -> None:
        """See the weights after an update; the rate is still the one that the update used."""

    def after_epoch(self, training: Training) -> None:
        """See the end of an epoch; the rate is already that of the next one."""


class Training:
    """A training in progress, as observers see it.

    Args:
        model: Network from float images ``(N, channels, height, width)`` to logits
            ``(N, classes)``, or from int32 sequences ``(N, length)`` to logits
            ``(N, length, classes)``; it is moved to the device and trained in place.
        dataset: Images or sequences, and labels.
        recipe: What to do.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Attributes:
        optimizer: Torch's own, which carries out the recipe's.
        scheduler: What sets its rate.
        shuffle: Generator of the order of the images.
        epoch: Number of the running epoch, counted from 0.
        step: Number of the running update within its epoch, counted from 0.
        steps: Updates in an epoch.
        loss: Mean loss of the update's batch, a tensor on the device.
        stopped: Why the training ends early; None while it goes on.

    Raises:
        ValueError: An argument breaks its rule, or the model has fewer outputs than classes or no
            weight to train.
    """

    def __init__(
        self, model: nn.Module, dataset: Dataset, recipe: Recipe, *, device: str = "auto"
    ) -> None:
        self.recipe: Recipe = instance(Recipe, words="a Recipe")("recipe", recipe)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise ValueError(
                f"model must have weights that require a gradient, received {type(model).__name__} "
                "without: nothing would be trained"
            )
        self.model, self.dataset, self.device = model, dataset, pick_device(device)
        model.to(self.device)
        self.train = to_device(dataset.x_train, dataset.y_train, self.device)
        self.test = to_device(dataset.x_test, dataset.y_test, self.device)
        check_outputs(model, self.test[0][:1], dataset.classes)  # lazy layers take their shape
        # Pixel by pixel, as the images lie in memory, a CPU convolves a fifth faster.
        layout = torch.channels_last if self.device.type == "cpu" else torch.preserve_format
        model.to(memory_format=layout)  # type: ignore[call-overload]
        weights = parameters_for(recipe.optimizer, model)
        self.optimizer = make_optimizer(recipe.optimizer, weights, lr=0.0)
        self.steps = recipe.steps_per_epoch(dataset.epoch_size)
        calls = self.steps if recipe.per == "step" else 1
        self.scheduler: ScheduleLR
        if recipe.watch is None:
            self.scheduler = ScheduleLR(self.optimizer, recipe.schedule, steps_per_epoch=calls)
        else:
            self.scheduler = PlateauLR(
                self.optimizer,
                recipe.watch.policy,
                schedule=recipe.schedule,
                first_epoch=recipe.watch.first_epoch,
                steps_per_epoch=calls,
            )
        self.shuffle = torch.Generator().manual_seed(recipe.seed)
        self.epoch = self.step = 0
        self.loss = torch.zeros(())
        self.stopped: str | None = None
        self._ran = False
        self._started = time.perf_counter()
        self._total = torch.zeros((), device=self.device)
        self._metrics: dict[str, float] | None = None

    @property
    def t(self) -> float:
        """Time of the running update in epochs."""
        return self.epoch + self.step / self.steps

    @property
    def lr(self) -> float:
        """The rate that the optimizer holds."""
        return float(self.optimizer.param_groups[0]["lr"])

    def metrics(self) -> dict[str, float]:
        """Return the losses, the accuracy and the seconds of the epoch that has just ended.

        The test images are evaluated when this is first asked for, at the weights that the
        optimizer wants to be judged by.
        """
        if self._metrics is None:
            with evaluation_weights(self.optimizer):
                test_loss, test_accuracy = evaluate_on_device(self.model, *self.test)
            self._metrics = {
                "train_loss": self._total.item() / self.dataset.epoch_size,
                "test_loss": test_loss,
                "test_accuracy": test_accuracy,
                "seconds": time.perf_counter() - self._started,
            }
        return self._metrics

    def run(self, observers: Iterable[Observer], *, steps: int | None = None) -> None:
        """Train from the beginning of an epoch to the end of the recipe, or for some steps.

        A training runs once; `epoch` says which epoch is the first.

        Args:
            observers: They are called in this order.
            steps: How many updates, a positive integer; None for all.

        Raises:
            ValueError: The recipe has fewer steps, or the training has run already.
        """
        if self._ran:
            raise ValueError("a training runs once: make another one to train on")
        self._ran = True
        observers, left = list(observers), self.steps * self.recipe.epochs
        if steps is not None and checks.count("steps", steps) > left:
            raise ValueError(
                f"steps must be at most the {left} of the recipe's {self.recipe.epochs} epochs, "
                f"received {steps}"
            )
        left = left if steps is None else steps
        for epoch in range(self.epoch, self.recipe.epochs):
            self.epoch = epoch
            self._started, self._metrics = time.perf_counter(), None
            self._total = torch.zeros((), device=self.device)
            self.model.train()
            for step, batch in enumerate(self._batches()):
                if left == 0:
                    return
                self.step = step
                self._update(batch, observers)
                if self.stopped:
                    return
                left -= 1
                if self.recipe.per == "step" and self.step < self.steps - 1:
                    self.scheduler.step()
            self._end_epoch()
            for observer in observers:
                observer.after_epoch(self)
            if self.stopped:
                return

    def _end_epoch(self) -> None:
        """Go on to the next epoch's rate; a policy that watches decides first."""
        watch = self.recipe.watch
        if watch is not None and isinstance(self.scheduler, PlateauLR):
            self.scheduler.step(self.metrics()[watch.metric])
        else:
            self.scheduler.step()

    def _batches(self) -> Iterable[Tensor]:
        passes = [
            part.start + torch.randperm(len(part), generator=self.shuffle)
            for part in self.dataset.passes(self.epoch)
        ]
        return torch.cat(passes).to(self.device).split(self.recipe.batch_size)

    def _update(self, batch: Tensor, observers: list[Observer]) -> None:
        """One step of the optimizer; the mean loss stays on the device."""
        inputs, labels = self.train[0][batch], self.train[1][batch]
        self.loss = cross_entropy(self.model(inputs), labels)
        for observer in observers:
            observer.before_update(self)
        if self.stopped:
            return
        self.optimizer.zero_grad(set_to_none=True)
        self.loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.loss = self.loss.detach()
        self._total += len(batch) * self.loss
        for observer in observers:
            observer.after_update(self)


@contextmanager
def evaluation_weights(optimizer: Any) -> Iterator[None]:
    """Put in the weights to evaluate, where an optimizer trains at others, for a while."""
    if not hasattr(optimizer, "eval"):
        yield
        return
    optimizer.eval()
    try:
        yield
    finally:
        optimizer.train()
