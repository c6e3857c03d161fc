"""What a study is made of: settings, runs of a setting with a seed, and the study itself.

Example:
    >>> from lrlab import Constant, Recipe
    >>> digits = Images("digits", limit=None)
    >>> setting = Setting("fixed", Recipe(Constant(0.1), epochs=1), data=digits)
    >>> Run("small", setting, seed=3).name
    'fixed-seed-3'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, Any

from lrlab.data import Dataset, load
from lrlab.networks import NORMALISED, SCHEMES
from lrlab.optimizers import twin
from lrlab.schedules import CyclicCosine
from lrlab.training import Recipe
from lrlab.utils import Value, checks, instance

NETWORKS = ("LeNet", "AlexNet", "Decoder")
EVALUATED = ("test", "held_out", "both")
MEASURES = ("loss", "sharpness", "preconditioned sharpness")
LONGEST = 200  # letters of a name that becomes a file's or a folder's: these have 255 bytes


# What one network alone can have otherwise: the value for all others, and its name.
_OWN = {"width": (1.0, "AlexNet"), "layers": (2, "Decoder"), "normalise": ("before", "Decoder")}


@dataclass(frozen=True)
class Network(Value):
    """Which network is trained, and from which weights.

    Args:
        name: One of `NETWORKS`.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        width: Factor on the width of the layers, for ``"AlexNet"``.
        layers: Number of blocks, for ``"Decoder"``.
        normalise: Where the blocks normalise, for ``"Decoder"``: ``"before"`` or ``"after"``.

    Raises:
        ValueError: An argument breaks its rule.
    """

    name: Annotated[str, checks.one_of(*NETWORKS)] = "LeNet"
    _: KW_ONLY
    init: Annotated[str, checks.one_of(*SCHEMES)] = "kaiming_uniform"
    width: Annotated[float, checks.positive] = 1.0
    layers: Annotated[int, checks.count] = 2
    normalise: Annotated[str, checks.one_of(*NORMALISED)] = "before"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, (default, owner) in _OWN.items():
            if (value := getattr(self, name)) != default and self.name != owner:
                raise ValueError(
                    f"{name} must be {default!r} for {self.name}, which has no other, "
                    f"received {value!r}"
                )

    def options(self, dataset: Dataset) -> dict[str, Any]:
        """Return the arguments for the class of that name in `lrlab.pytorch`, but for the seed."""
        own = {name: getattr(self, name) for name, (_, owner) in _OWN.items() if owner == self.name}
        if self.name == "Decoder":
            own |= {"length": dataset.image_shape[0], "symbols": dataset.classes}
        else:
            own |= {"image_shape": dataset.image_shape, "classes": dataset.classes}
        return {"init": self.init, **own}


@dataclass(frozen=True)
class Images(Value):
    """Which images a run trains on, is tested on, and holds out; or which sequences.

    Args:
        name: Name of the data set, see `lrlab.data.load`; ``"markov"`` for a Decoder.
        limit: Number of training images, the first ones; None is all there are.
        held_out: Number of further training images, on which something is chosen; 0 for none.
        evaluate_on: What each epoch is evaluated on, and a policy watches: ``"test"``; or
            ``"held_out"``, where runs are made to choose among them, so that what a history calls
            test losses and accuracies is of the held-out images; or ``"both"``, the held-out ones
            in each epoch, and then the test images once, in ``measured["test"]``.
        per_epoch: How many examples an epoch takes, see `lrlab.data.Dataset`; None for the data
            set's own number.

    Raises:
        ValueError: An argument breaks its rule.
    """

    name: str = "fashion_mnist"
    _: KW_ONLY
    limit: Annotated[int | None, checks.optional(checks.count)] = 60_000
    held_out: Annotated[int, checks.whole] = 0
    evaluate_on: Annotated[str, checks.one_of(*EVALUATED)] = "test"
    per_epoch: Annotated[int | None, checks.optional(checks.count)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.evaluate_on != "test" and not self.held_out:
            raise ValueError("held_out must be 1 or more to evaluate on them, received 0")

    def load(self) -> tuple[Dataset, Dataset | None]:
        """Return what is trained on and evaluated in each epoch, and what is looked at afterwards.

        Both have the same training images. With ``evaluate_on="test"`` the second has the held-out
        images in the place of the test images, to choose members on; with ``"both"`` it is the
        other way round. It is None where nothing is left.

        Raises:
            ValueError: There are not that many images, or no data set has this name.
            DataError: The data set cannot be had.
        """
        limit = None if self.limit is None else self.limit + self.held_out
        loaded = load(self.name, limit)
        if self.per_epoch is not None:
            loaded = replace(loaded, per_epoch=self.per_epoch)
        if not self.held_out:
            return loaded, None
        tested, chosen = loaded.hold_out(self.held_out)
        if self.evaluate_on == "test":
            return tested, chosen
        return chosen, tested if self.evaluate_on == "both" else None


@dataclass(frozen=True)
class Parts(Value):
    """Equal parts of a run, at whose ends a snapshot joins an ensemble.

    Args:
        number: How many parts.
        fresh: Whether each part starts from new initial weights, at time 0 of the schedule.

    Raises:
        ValueError: An argument breaks its rule.
    """

    number: Annotated[int, checks.count]
    _: KW_ONLY
    fresh: Annotated[bool, checks.flag] = False

    def ends(self, epochs: int) -> tuple[int, ...]:
        """Return after how many epochs of a run each part ends."""
        part = epochs // self.number
        return tuple(range(part, epochs + 1, part))


@dataclass(frozen=True)
class Measure(Value):
    """What is measured within a run, beside the curves of its epochs.

    Args:
        what: One of `MEASURES`: the loss of a batch, before its update; or this and the sharpness
            of the loss of all training images, see `lrlab.pytorch.SharpnessMeter`.
        every: From how many updates one is measured, the first one included.
        images: Of how many training images, the first ones, the sharpness is; None for all.

    Raises:
        ValueError: An argument breaks its rule.
    """

    what: Annotated[str, checks.one_of(*MEASURES)]
    _: KW_ONLY
    every: Annotated[int, checks.count] = 1
    images: Annotated[int | None, checks.optional(checks.count)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.what == "loss" and self.images is not None:
            raise ValueError(f"images must be None for a batch's loss, received {self.images}")


@dataclass(frozen=True)
class Setting(Value):
    """One way of training: everything about a run but its seed.

    Args:
        label: What distinguishes it within its study, in the words of a figure's legend.
        recipe: What to do; its seed is replaced by that of each run.
        network: What is trained.
        data: The images.
        snapshots: The parts of the run that leave snapshots, see `lrlab.studies`; None for none.
        measure: What is measured within the run, for ``measured["updates"]``; None for nothing.

    Raises:
        ValueError: An argument breaks its rule.
    """

    label: str
    recipe: Annotated[Recipe, instance(Recipe, words="a Recipe")]
    _: KW_ONLY
    network: Annotated[Network, instance(Network, words="a Network")] = Network()
    data: Annotated[Images, instance(Images, words="an Images")] = Images()
    snapshots: Annotated[Parts | None, checks.optional(instance(Parts, words="a Parts"))] = None
    measure: Annotated[Measure | None, checks.optional(instance(Measure, words="a Measure"))] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.label, str) or not 1 <= len(slug(self.label)) <= LONGEST:
            rule = f"label must be text with 1 to {LONGEST} letters or digits"
            raise ValueError(f"{rule}, received {checks.shown(self.label)}")
        twin(self.recipe.optimizer, "pytorch")  # refuses what PyTorch cannot train with
        if (self.network.name == "Decoder") != (self.data.name == "markov"):
            raise ValueError(
                "data.name must be 'markov' for a Decoder and for no other network, received "
                f"{self.data.name!r} for {self.network.name}"
            )
        if self.data.name == "markov" and self.data.limit is not None:
            raise ValueError(
                "data.limit must be None for 'markov', which never ends, received "
                f"{self.data.limit}"
            )
        if self.snapshots is not None:
            self._check_parts(self.snapshots)
        watch = self.recipe.watch
        if watch and watch.metric != "train_loss" and self.data.evaluate_on == "test":
            raise ValueError(
                f"data.evaluate_on must be 'held_out' or 'both' where a policy watches the "
                f"{watch.metric}, or the test images would take part in training, received 'test'"
            )

    def _check_parts(self, parts: Parts) -> None:
        epochs, schedule = self.recipe.epochs, self.recipe.schedule
        if self.measure is not None:
            raise ValueError("measure must be None where there are snapshots")
        if epochs % parts.number:
            raise ValueError(
                f"snapshots.number must divide the {epochs} epochs, received {parts.number}"
            )
        if self.data.name == "markov":
            raise ValueError(f"data must be of images for snapshots, received {self.data.name!r}")
        if not self.data.held_out:
            raise ValueError(
                "data.held_out must be 1 or more where there are snapshots, received 0"
            )
        if self.data.evaluate_on != "test":
            raise ValueError(
                "data.evaluate_on must be 'test' where there are snapshots, whose members are "
                f"chosen on the held-out images, received {self.data.evaluate_on!r}"
            )
        if self.recipe.watch is not None:
            raise ValueError(
                "recipe.watch must be None where there are snapshots: the images that a policy "
                "watches would be those that choose members"
            )
        if parts.fresh and not (
            isinstance(schedule, CyclicCosine) and schedule.ends(epochs) == parts.ends(epochs)
        ):
            raise ValueError(
                f"schedule must have cycles of {epochs // parts.number} epochs for parts that "
                f"start afresh, received {schedule}"
            )


@dataclass(frozen=True)
class Run(Value):
    """One training run: a setting of a study with a seed, for the weights and for the order."""

    study: str
    setting: Annotated[Setting, instance(Setting, words="a Setting")]
    seed: Annotated[int, checks.whole]

    @property
    def name(self) -> str:
        """Name within the study, from label and seed; that of the record's file."""
        return f"{slug(self.setting.label)}-seed-{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """The setting's recipe with the run's seed."""
        return self.setting.recipe.seeded(self.seed)


def _name(name: str, value: Any) -> str:
    pattern = rf"[A-Za-z0-9][A-Za-z0-9_.-]{{,{LONGEST - 1}}}"
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        rule = f"{name} must be 1 to {LONGEST} letters, digits, '.' and '-'"
        raise ValueError(f"{rule}, received {checks.shown(value)}")
    return value


def _settings(name: str, value: Any) -> tuple[Setting, ...]:
    settings = checks.sequence(name, value, "a sequence of settings")
    for i, setting in enumerate(settings):
        instance(Setting, words="a Setting")(f"{name}[{i}]", setting)
    slugs = [slug(setting.label) for setting in settings]
    if not slugs or len(set(slugs)) < len(slugs):
        raise ValueError(f"{name} must be one or more with distinct labels, received {slugs}")
    return settings


def _seeds(name: str, value: Any) -> tuple[int, ...]:
    items = checks.sequence(name, value, "a sequence of seeds")
    seeds = tuple(checks.whole(name, seed) for seed in items)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"{name} must be one or more, all different, received {seeds}")
    return seeds


@dataclass(frozen=True)
class Study(Value):
    """Several settings with several seeds each.

    Args:
        name: Letters, digits, dots and hyphens; also the name of the folder of its records.
        description: One line for ``lrlab list``.
        settings: What is compared, in the order of the tables.
        seeds: The seeds that make the study complete; more may be recorded.
        decides: The rule by which the study decides, written down before anything was run.

    Raises:
        ValueError: An argument breaks its rule, or two settings would share a record.

    Example:
        >>> from lrlab import Constant, Recipe
        >>> setting = Setting("fixed", Recipe(Constant(0.1), epochs=1))
        >>> [run.name for run in Study("small", "An example", (setting,), seeds=(0, 1)).runs()]
        ['fixed-seed-0', 'fixed-seed-1']
    """

    name: Annotated[str, _name]
    description: str
    settings: Annotated[tuple[Setting, ...], _settings]
    _: KW_ONLY
    seeds: Annotated[tuple[int, ...], _seeds] = (0, 1, 2)
    decides: str = ""

    def runs(self, seeds: Iterable[int] | None = None) -> list[Run]:
        """Return every run, seed by seed, so that an interrupted study is balanced.

        Args:
            seeds: The seeds; the study's own by default.
        """
        chosen = self.seeds if seeds is None else tuple(seeds)
        return [Run(self.name, setting, seed) for seed in chosen for setting in self.settings]


def slug(label: str) -> str:
    """Return a label as part of a file's name.

    Example:
        >>> slug("Batch 32, lr 0.001")
        'batch-32-lr-0.001'
    """
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-.")


def registry(studies: Iterable[Study]) -> dict[str, Study]:
    """Return studies by name.

    Raises:
        ValueError: Two have the same name.
    """
    by_name: dict[str, Study] = {}
    for study in studies:
        if by_name.setdefault(study.name, study) is not study:
            raise ValueError(f"studies must have distinct names, received {study.name!r} twice")
    return by_name
