"""What a study is made of: settings, runs of a setting with a seed, and the study itself.

Example:
    >>> from lrlab import Constant
    >>> setting = Setting("fixed", schedule=Constant(0.1), epochs=1, dataset="digits")
    >>> Run("small", setting, seed=3).name
    'fixed-seed-3'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from lrlab.networks import SCHEMES
from lrlab.optimizers import Optimizer, twin
from lrlab.schedules import Schedule
from lrlab.training import cycle_ends
from lrlab.utils import checks

MODELS = ("LeNet", "AlexNet")
OPTIMIZERS = ("sgd",)
# Younger than the first records, and left out of the newer ones where they change nothing.
NEUTRAL = {"width": 1.0, "clip_norm": None, "snapshots": 0, "fresh": False, "validation": 0}


@dataclass(frozen=True)
class Setting:
    """One way of training: everything about a run but its seed.

    Args:
        label: What distinguishes it within its study, in the words of a figure's legend.
        schedule: The rate over time in epochs.
        epochs: Passes through the training images.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        batch_size: Images in an update.
        momentum: Heavy-ball momentum in [0, 1).
        optimizer: ``"sgd"``, with or without momentum; or one of `lrlab.optimizers`, of
            convention ``"pytorch"``, beside a momentum of 0.
        model: One of `MODELS`.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        dataset: Name of the data set, see `lrlab.data.load`.
        limit: Number of training images, the first ones; None is all there are.
        width: Factor on the width of the model's layers, for ``"AlexNet"``.
        clip_norm: Largest norm of a gradient, see `lrlab.pytorch.fit`; None for any.
        snapshots: Number of equal parts of the run, at whose ends a snapshot joins an ensemble, see
            `lrlab.studies`; 0 for none.
        fresh: Whether each part starts from new initial weights, at time 0 of the schedule.
        validation: Number of training images, those after the first ``limit``, on which members of
            the ensemble are chosen.

    Raises:
        ValueError: An argument breaks its rule.
    """

    label: str
    _: KW_ONLY
    schedule: Schedule
    epochs: int
    per: str = "epoch"
    batch_size: int = 128
    momentum: float = 0.0
    optimizer: str | Optimizer = "sgd"
    model: str = "LeNet"
    init: str = "kaiming_uniform"
    dataset: str = "fashion_mnist"
    limit: int | None = 60_000
    width: float = 1.0
    clip_norm: float | None = None
    snapshots: int = 0
    fresh: bool = False
    validation: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not slug(self.label):
            raise ValueError(f"label must be text with a letter or digit, received {self.label!r}")
        if not isinstance(self.schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {self.schedule!r}")
        checks.choice("per", self.per, ("epoch", "step"))
        checks.choice("model", self.model, MODELS)
        checks.choice("init", self.init, SCHEMES)
        momentum = checks.number("momentum", self.momentum, "in [0, 1)", lambda m: 0 <= m < 1)
        # Stored as checked: plain Python numbers, which a record can hold.
        object.__setattr__(self, "momentum", momentum)
        if isinstance(self.optimizer, str):
            checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        else:
            twin(self.optimizer, "pytorch")  # refuses what PyTorch does not have
            if momentum:
                rule = "momentum must be 0 beside an optimizer, which brings its own"
                raise ValueError(f"{rule}, received {momentum!r}")
        object.__setattr__(self, "width", checks.positive("width", self.width))
        if self.width != 1 and self.model == "LeNet":
            raise ValueError(
                f"width must be 1 for LeNet, which has one size, received {self.width}"
            )
        if self.clip_norm is not None:
            object.__setattr__(self, "clip_norm", checks.positive("clip_norm", self.clip_norm))
        for name in ("epochs", "batch_size", "limit"):
            if name != "limit" or self.limit is not None:
                object.__setattr__(self, name, checks.count(name, getattr(self, name)))
        self._check_ensemble()

    def _check_ensemble(self) -> None:
        for name in ("snapshots", "validation"):
            object.__setattr__(self, name, checks.whole(name, getattr(self, name)))
        checks.flag("fresh", self.fresh)
        if not self.snapshots:
            if self.fresh or self.validation:
                raise ValueError("snapshots must be 1 or more for fresh or validation, received 0")
            return
        if self.epochs % self.snapshots:
            raise ValueError(
                f"snapshots must divide the {self.epochs} epochs, received {self.snapshots}"
            )
        if self.limit is None or not self.validation:
            raise ValueError(
                "limit and validation must be numbers of images where there are snapshots, "
                f"received {self.limit} and {self.validation}"
            )
        part = self.epochs // self.snapshots
        ends = tuple(range(part, self.epochs + 1, part))
        if self.fresh and cycle_ends(self.schedule, self.epochs) != ends:
            raise ValueError(
                f"schedule must have cycles of {part} epochs for parts that start afresh, "
                f"received {self.schedule}"
            )


@dataclass(frozen=True)
class Run:
    """One training run: a setting of a study with a seed, for the weights and for the order."""

    study: str
    setting: Setting
    seed: int

    def __post_init__(self) -> None:
        checks.whole("seed", self.seed)

    @property
    def name(self) -> str:
        """Name within the study, from label and seed; that of the record's file."""
        return f"{slug(self.setting.label)}-seed-{self.seed}"

    @property
    def config(self) -> dict[str, Any]:
        """Everything needed to repeat the run, as plain values."""
        values = dict(vars(self.setting), schedule=self.setting.schedule.to_config())
        if not isinstance(self.setting.optimizer, str):
            values["optimizer"] = self.setting.optimizer.to_config()
        for name, neutral in NEUTRAL.items():
            if values[name] == neutral:
                del values[name]
        return {"study": self.study, **values, "seed": self.seed}


@dataclass(frozen=True)
class Study:
    """Several settings with several seeds each.

    Args:
        name: Letters, digits, dots and hyphens; also the name of the folder of its records.
        description: One line for ``lrlab list``.
        settings: What is compared, in the order of the tables.
        seeds: The seeds that make the study complete; more may be recorded.

    Raises:
        ValueError: An argument breaks its rule, or two settings would share a record.

    Example:
        >>> from lrlab import Constant
        >>> setting = Setting("fixed", schedule=Constant(0.1), epochs=1, dataset="digits")
        >>> [run.name for run in Study("small", "An example", [setting], seeds=range(2)).runs()]
        ['fixed-seed-0', 'fixed-seed-1']
    """

    name: str
    description: str
    settings: tuple[Setting, ...]
    _: KW_ONLY
    seeds: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(f"name must be letters, digits, '.' and '-', received {self.name!r}")
        object.__setattr__(self, "settings", tuple(self.settings))
        object.__setattr__(self, "seeds", tuple(checks.whole("seeds", s) for s in self.seeds))
        slugs = [slug(setting.label) for setting in self.settings]
        if not slugs or len(set(slugs)) < len(slugs):
            raise ValueError(f"settings must be one or more with distinct labels, received {slugs}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be one or more, all different, received {self.seeds}")

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
