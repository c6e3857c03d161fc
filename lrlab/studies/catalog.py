"""The studies of the book, declared as data: what is run, and nothing of how.

A `Study` is a list of `Setting`, each run with several seeds. A `Run` is one setting with one
seed and holds everything that is needed to repeat it; `Run.config` is what its record has to say.

Example:
    >>> study = STUDIES["D2-cosine"]
    >>> run = study.runs()[0]
    >>> run.name, run.seed, run.setting.epochs, run.setting.schedule(10)
    ('cosine-seed-0', 0, 30, 0.155)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

from lrlab import checks
from lrlab.compose import join, warmup
from lrlab.initial import SCHEMES
from lrlab.schedule_base import Schedule
from lrlab.schedules import (
    Constant,
    CosineDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Recurrence,
)

MODELS = ("LeNet", "AlexNet")
OPTIMIZERS = ("sgd",)


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
        optimizer: ``"sgd"``.
        model: One of `MODELS`.
        init: Distribution of the initial weights, see `lrlab.initial.draw`.
        dataset: Name of the data set, see `lrlab.data.load`.
        limit: Number of training images, the first ones; None is all there are.
        width: Factor on the width of the model's layers, for ``"AlexNet"``.
        clip_norm: Largest norm of a gradient, see `lrlab.pytorch.fit`; None for any.

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
    optimizer: str = "sgd"
    model: str = "LeNet"
    init: str = "kaiming_uniform"
    dataset: str = "fashion_mnist"
    limit: int | None = 60_000
    width: float = 1.0
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not slug(self.label):
            raise ValueError(f"label must be text with a letter or digit, received {self.label!r}")
        if not isinstance(self.schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {self.schedule!r}")
        checks.choice("per", self.per, ("epoch", "step"))
        checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        checks.choice("model", self.model, MODELS)
        checks.choice("init", self.init, SCHEMES)
        momentum = checks.number("momentum", self.momentum, "in [0, 1)", lambda m: 0 <= m < 1)
        # Stored as checked: plain Python numbers, which a record can hold.
        object.__setattr__(self, "momentum", momentum)
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


@dataclass(frozen=True)
class Run:
    """One training run: a setting of a study with a seed, for the weights and for the order."""

    study: str
    setting: Setting
    seed: int

    def __post_init__(self) -> None:
        checks.seed("seed", self.seed)

    @property
    def name(self) -> str:
        """Name within the study, from label and seed; that of the record's file."""
        return f"{slug(self.setting.label)}-seed-{self.seed}"

    @property
    def config(self) -> dict[str, Any]:
        """Everything needed to repeat the run, as plain values."""
        values = dict(vars(self.setting), schedule=self.setting.schedule.to_config())
        # Younger than the first records: left out where they change nothing.
        for name, neutral in (("width", 1.0), ("clip_norm", None)):
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
        object.__setattr__(self, "seeds", tuple(checks.seed("seeds", s) for s in self.seeds))
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


# --- the document on scheduling a LeNet (D2) ------------------------------------------------------

D2_SCHEDULES = {
    "constant": Constant(0.3),
    "sqrt": InverseSqrtDecay(0.1),
    "multistep": MultiStepDecay(0.3, gamma=0.5, milestones=[15, 30]),
    "cosine": CosineDecay(0.3, total_epochs=20, final_lr=0.01),
}


def _d2() -> Iterable[Study]:
    single = partial(Setting, epochs=30)
    for label, schedule in D2_SCHEDULES.items():
        text = f"LeNet on Fashion-MNIST for 30 epochs, {label} schedule as the text means it"
        yield Study(f"D2-{label}", text, [single(label, schedule=schedule)], seeds=range(5))
    for label in ("sqrt", "cosine"):
        late = join([Constant(0.3), D2_SCHEDULES[label]], at=[1])
        text = f"the same, {label} schedule an epoch late, as the printed loop applies it"
        yield Study(
            f"D2-{label}-late", text, [single(f"{label}, late", schedule=late)], seeds=range(5)
        )


# --- the rate against the budget and the batch size (D5) ------------------------------------------

# Two rates a decade, 1 to 1e-6, D2's own 0.3 and 0.1 among them.
RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
# The grid's last step, from a rate that trains to one that does not, at a finer resolution.
EDGE_RATES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
# A batch size four times as large is said to want a rate four times as large: two steps here.
BATCH_RATES = tuple(2.0**-k for k in range(10))


def _sensitivity() -> Iterable[Study]:
    for name, epochs, lrs in (("1", 1, RATES), ("5", 5, RATES), ("1-edge", 1, EDGE_RATES)):
        text = f"{epochs} epoch{'s' * (epochs > 1)} of LeNet on Fashion-MNIST, "
        span = f"rates {lrs[0]:g} to {lrs[-1]:g}"
        constant = [Setting(f"lr {lr:g}", schedule=Constant(lr), epochs=epochs) for lr in lrs]
        yield Study(f"sensitivity-{name}", f"{text}constant {span}", constant)
        # At every step: a decay over one epoch would else be no decay.
        linear = [
            Setting(
                f"lr {lr:g}",
                schedule=LinearDecay(lr, total_epochs=epochs),
                epochs=epochs,
                per="step",
            )
            for lr in lrs
        ]
        text = f"{text}{span} that fall to 0 along a line"
        yield Study(f"sensitivity-{name}-linear", text, linear)


def _batch_size() -> Iterable[Study]:
    settings = [
        Setting(f"batch {size}, lr {lr:.3g}", schedule=Constant(lr), epochs=2, batch_size=size)
        for size in (32, 128, 512)
        for lr in BATCH_RATES
    ]
    text = "2 epochs of LeNet on Fashion-MNIST, batch sizes 32, 128, 512 against rates 1 to 1/512"
    yield Study("batch-size", text, settings)


# --- the document on warm-up (D4) -----------------------------------------------------------------

# The document's ramp, 0.02 to 0.1 in the epochs 0 to 4: from a fifth of the peak to all of it.
RAMP = {"epochs": 4, "begin_lr": 0.02}
D4_SCHEDULES = {
    "sin-decay": warmup(Recurrence(0.1, rule="sin"), **RAMP),
    "gradual-decay": warmup(Recurrence(0.1, rule="power"), **RAMP),
    "no-warmup": Recurrence(0.1, rule="sin"),
    "step": MultiStepDecay(0.1, gamma=0.1, milestones=[15]),
}


def _d4() -> Iterable[Study]:
    # The document is Keras', so the initial weights are as Keras draws them; its network and data
    # set are not told. An eighth of the width, since an epoch at full width takes minutes on a CPU.
    single = partial(
        Setting,
        epochs=30,
        model="AlexNet",
        width=0.125,
        init="glorot_uniform",
        dataset="cifar10",
        limit=None,
    )
    about = "AlexNet of an eighth of the width on CIFAR-10 for 30 epochs"
    for label, schedule in D4_SCHEDULES.items():
        yield Study(f"D4-{label}", f"{about}, {label}", [single(label, schedule=schedule)])
    cosines = {
        "cosine": CosineDecay(0.1, total_epochs=30),
        "warmup-cosine": warmup(CosineDecay(0.1, total_epochs=25), 5),
    }
    for label, schedule in cosines.items():
        setting = single(label, schedule=schedule, per="step")
        yield Study(f"D4-{label}", f"{about}, {label} to 0 set at every step", [setting])


WARMUP_RATES = (8.0, 4.0, 2.0, 1.0, 0.3, 0.1)


def _warmup_rates() -> Iterable[Study]:
    single = partial(
        Setting,
        epochs=5,
        per="step",
        model="AlexNet",
        width=0.125,
        init="glorot_uniform",
        dataset="cifar10",
        limit=None,
    )
    about = "AlexNet of an eighth of the width on CIFAR-10 for 5 epochs, rates 8 to 0.1"
    ways = {
        "none": (about, lambda lr: {"schedule": Constant(lr)}),
        "warmup": (
            f"{about} after a warm-up of 1 epoch",
            lambda lr: {"schedule": warmup(Constant(lr), 1)},
        ),
        "clip": (
            f"{about}, gradients clipped to norm 1",
            lambda lr: {"schedule": Constant(lr), "clip_norm": 1.0},
        ),
    }
    for name, (text, options) in ways.items():
        settings = [single(f"lr {lr:g}", **options(lr)) for lr in WARMUP_RATES]
        yield Study(f"warmup-rates-{name}", text, settings)


STUDIES: Mapping[str, Study] = registry(
    [*_d2(), *_sensitivity(), *_batch_size(), *_d4(), *_warmup_rates()]
)
