"""What a run is asked to do, as one value: the schedule, the optimizer, the batches, the seed.

Example:
    >>> from lrlab import CosineDecay
    >>> from lrlab.optimizers import Adam
    >>> recipe = Recipe(CosineDecay(0.01, total_epochs=10), epochs=10, optimizer=Adam(), per="step")
    >>> recipe.seeded(3).seed, recipe.steps_per_epoch(images=1_000)
    (3, 8)
    >>> Recipe.from_config(recipe.to_config()) == recipe
    True
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated

from lrlab.optimizers import SGD, Optimizer
from lrlab.plateau import PlateauSchedule, ReduceOnPlateau
from lrlab.schedules import Schedule
from lrlab.utils import Value, checks, instance

PLAIN = SGD()

#: The metrics of a run that a plateau policy may watch, and the mode that suits each.
METRICS = {"train_loss": "min", "test_loss": "min", "test_accuracy": "max"}


@dataclass(frozen=True)
class Watch(Value):
    """A plateau policy that watches a run: which metric, and from which epoch on.

    Args:
        policy: The policy; its mode suits the metric.
        metric: ``"train_loss"``, ``"test_loss"`` or ``"test_accuracy"``.
        first_epoch: First epoch whose metric counts, such as the one after a warm-up; an integer of
            at least 0.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> Watch(ReduceOnPlateau(0.1, mode="max"), metric="test_loss")
        Traceback (most recent call last):
        ...
        ValueError: policy.mode must be 'min' where test_loss is watched, received 'max'
    """

    policy: Annotated[ReduceOnPlateau, instance(ReduceOnPlateau, words="a ReduceOnPlateau")]
    _: KW_ONLY
    metric: Annotated[str, checks.one_of(*METRICS)] = "test_loss"
    first_epoch: Annotated[int, checks.whole] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.policy.mode != (mode := METRICS[self.metric]):
            rule = f"{mode!r} where {self.metric} is watched"
            raise ValueError(f"policy.mode must be {rule}, received {self.policy.mode!r}")


@dataclass(frozen=True)
class Recipe(Value):
    r"""The plan of a run, the same for PyTorch and Keras.

    The rate is set before the update that uses it: :math:`\eta(e)` in epoch e, or with
    ``per="step"`` :math:`\eta(e + k/n)` in update k of n.

    Args:
        schedule: The rate over time in epochs.
        epochs: Passes through the training images, a positive integer.
        batch_size: Images in an update; the last batch of an epoch holds the rest.
        optimizer: What is done with a gradient and a rate; an optimizer of `lrlab.optimizers` that
            has a ``convention`` is of the framework that trains. That framework's own class carries
            it out.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        watch: Plateau policy that lowers the schedule's rates, and what it watches; None for none.
            The schedule is at the policy's ``lr`` when the policy begins to watch.
        clip_norm: Largest Euclidean norm of an update's gradient, greater than 0; a longer gradient
            is shortened to it (Pascanu et al. 2013, arXiv:1211.5063). None for any.
        seed: Seed of the order of the images, an integer of at least 0.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Annotated[Schedule, instance(Schedule, words="a schedule of lrlab")]
    _: KW_ONLY
    epochs: Annotated[int, checks.count]
    batch_size: Annotated[int, checks.count] = 128
    optimizer: Annotated[
        Optimizer, instance(Optimizer, words="an optimizer of lrlab.optimizers")
    ] = PLAIN
    per: Annotated[str, checks.one_of("epoch", "step")] = "epoch"
    watch: Annotated[Watch | None, checks.optional(instance(Watch, words="a Watch"))] = None
    clip_norm: Annotated[float | None, checks.optional(checks.positive)] = None
    seed: Annotated[int, checks.whole] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.plateau  # refuses a schedule that does not fit the policy

    @property
    def plateau(self) -> PlateauSchedule | None:
        """The schedule as the watching policy lowers it; None for a run that nobody watches."""
        if self.watch is None:
            return None
        return PlateauSchedule(
            self.watch.policy, schedule=self.schedule, first_epoch=self.watch.first_epoch
        )

    def seeded(self, seed: int) -> Recipe:
        """Return the same recipe with another seed."""
        return replace(self, seed=seed)

    def steps_per_epoch(self, images: int) -> int:
        """Return how many updates an epoch of so many training images takes."""
        return -(-images // self.batch_size)
