"""The studies of the book, declared as data: what is run, and nothing of how.

A `lrlab.studies.Study` is a list of settings, each run with several seeds. `Run.config` is
what the record of a run has to say.

Example:
    >>> run = STUDIES["D2-cosine"].runs()[0]
    >>> run.name, run.seed, run.setting.epochs, run.setting.schedule(10)
    ('cosine-seed-0', 0, 30, 0.155)
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from functools import partial

from lrlab.optimizers import AdaDelta, AdaGrad, Adam, AdamW, Momentum, Optimizer, RMSProp
from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Recurrence,
    join,
    warmup,
)
from lrlab.studies.study import Setting, Study, registry

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


# --- momentum against the rate (D5) ---------------------------------------------------------------

# The document's own; the row without momentum is the study "sensitivity-1".
MOMENTA = (0.5, 0.9, 0.99)


def _momentum() -> Iterable[Study]:
    def setting(momentum: float, lr: float, epochs: int) -> Setting:
        label = f"momentum {momentum:g}, lr {lr:g}"
        return Setting(label, schedule=Constant(lr), epochs=epochs, momentum=momentum)

    rates = [lr for lr in RATES if lr >= 1e-4]
    text = "1 epoch of LeNet on Fashion-MNIST, momenta 0.5, 0.9, 0.99 against rates 1 to 0.0001"
    yield Study("momentum-rates", text, [setting(m, lr, 1) for m in MOMENTA for lr in rates])
    # A momentum of 0.9 adds up ten gradients: each rate without it has its tenth part with it.
    pairs = [(0.0, 0.1), (0.0, 0.3), (0.9, 0.01), (0.9, 0.03)]
    long = [setting(m, lr, 10) for m, lr in pairs]
    ahead = Momentum(momentum=0.9, nesterov=True)
    for lr in (0.01, 0.03):
        label = f"Nesterov 0.9, lr {lr:g}"
        long.append(Setting(label, schedule=Constant(lr), epochs=10, optimizer=ahead))
    text = "10 epochs of LeNet on Fashion-MNIST, without momentum and with 0.9, of both kinds"
    yield Study("momentum-10", text, long, seeds=range(5))


# --- optimisers that adapt (D5) -------------------------------------------------------------------

# Optimizer, and the rates of its grid: four decades for each, around where it is used.
ADAPTIVE: dict[str, tuple[Optimizer, tuple[float, ...]]] = {
    "AdaGrad": (AdaGrad(), RATES[:9]),
    "RMSProp": (RMSProp(), RATES[2:11]),
    "AdaDelta": (AdaDelta(), (100.0, 30.0, 10.0, 3.0, *RATES[:5])),
    "Adam": (Adam(), RATES[2:11]),
    "AdamW": (AdamW(), RATES[2:11]),
}
# Keras' default numbers in PyTorch's optimizers, one by one or all: optimizer and rate. PyTorch's
# own are in the grids above, but for AdaDelta at Keras' rate. Keras' ε of RMSProp is under the
# root, where it acts like 3.2e-4 outside; its ε of Adam acts like 3.2e-6 at first and 1e-7 later.
DEFAULTS: dict[str, tuple[Optimizer, float]] = {
    "AdaGrad, accumulator 0.1, lr 0.01": (AdaGrad(initial_accumulator=0.1), 0.01),
    "AdaGrad, accumulator 0.1, lr 0.001": (AdaGrad(initial_accumulator=0.1), 0.001),
    "RMSProp, rho 0.9, lr 0.001": (RMSProp(rho=0.9), 0.001),
    "RMSProp, rho 0.9, eps 3.2e-4, lr 0.001": (RMSProp(rho=0.9, eps=10**-3.5), 0.001),
    "AdaDelta, rho 0.95, eps 1e-7, lr 1": (AdaDelta(rho=0.95, eps=1e-7), 1.0),
    "AdaDelta, lr 0.001": (AdaDelta(), 0.001),
    "AdaDelta, rho 0.95, eps 1e-7, lr 0.001": (AdaDelta(rho=0.95, eps=1e-7), 0.001),
    "Adam, eps 1e-7, lr 0.001": (Adam(eps=1e-7), 0.001),
    "Adam, eps 3.2e-6, lr 0.001": (Adam(eps=10**-5.5), 0.001),
    "AdamW, weight decay 0.004, lr 0.001": (AdamW(weight_decay=0.004), 0.001),
}
# What is tuned against what, each over as many rates: optimizer, whether the rate falls, rates.
RIVALS = {
    "momentum, cosine": (Momentum(), True, (0.3, 0.1, 0.03, 0.01, 3e-3)),
    "Adam": (Adam(), False, (0.03, 0.01, 3e-3, 1e-3, 3e-4)),
    "Adam, cosine": (Adam(), True, (0.03, 0.01, 3e-3, 1e-3, 3e-4)),
}
# What the tuning chose: for each the rate with the lowest mean test loss.
CHOSEN = {"momentum, cosine": 0.1, "Adam": 3e-3, "Adam, cosine": 0.01}


def _rival(name: str, lr: float, epochs: int) -> Setting:
    optimizer, falls, _ = RIVALS[name]
    schedule = CosineDecay(lr, total_epochs=epochs) if falls else Constant(lr)
    label = f"{name}, lr {lr:g}"
    return Setting(label, schedule=schedule, epochs=epochs, per="step", optimizer=optimizer)


def _optimizers() -> Iterable[Study]:
    for name, (optimizer, rates) in ADAPTIVE.items():
        settings = [
            Setting(f"lr {lr:g}", schedule=Constant(lr), epochs=1, optimizer=optimizer)
            for lr in rates
        ]
        span = f"constant rates {rates[0]:g} to {rates[-1]:g}"
        text = f"1 epoch of LeNet on Fashion-MNIST with {name}, {span}"
        yield Study(f"sensitivity-1-{name}", text, settings)
    settings = [
        Setting(name, schedule=Constant(lr), epochs=1, optimizer=optimizer)
        for name, (optimizer, lr) in DEFAULTS.items()
    ]
    text = "1 epoch of LeNet on Fashion-MNIST with PyTorch's rules and Keras' default numbers"
    yield Study("optimizer-defaults", text, settings)
    settings = [_rival(name, lr, 5) for name, (_, _, rates) in RIVALS.items() for lr in rates]
    text = "5 epochs of LeNet on Fashion-MNIST: the rates of momentum and Adam on a coarse grid"
    # Other seeds than those that the winners are compared with.
    yield Study("optimizer-tuning", text, settings, seeds=(10, 11))
    settings = [_rival(name, lr, 10) for name, lr in CHOSEN.items()]
    text = (
        "10 epochs of LeNet on Fashion-MNIST: momentum and Adam at the rates that the tuning chose"
    )
    yield Study("optimizer-final", text, settings, seeds=range(5))


# --- the document on snapshot ensembles (D3) ------------------------------------------------------


def _d3() -> Iterable[Study]:
    # The document's rates, cycles and epochs; its network, data set and batch size are not told.
    # Half of the images for training: five seeds then take no longer than two or three would.
    #
    # What decides, written down before anything was run, always paired by seed, 95 % intervals:
    # D3.3 by the test accuracy of the three snapshots of "restarts", probabilities averaged, less
    # that of the last network of "constant". D3.2 by that of the first snapshot of "restarts" less
    # that of the last network of "one cosine": sufficient within 1 point. D3.1 by how far the
    # training loss rises on the straight line between consecutive snapshots of "restarts": another
    # optimum above 0.05. All other comparisons are told, and decide none of the three.
    single = partial(Setting, epochs=60, limit=30_000, validation=5_000)
    restarts = CyclicCosine(0.1, cycle_epochs=20)
    about = "60 epochs of LeNet on half of Fashion-MNIST"
    settings = [
        single("constant", schedule=Constant(0.1), snapshots=3),
        single("one cosine", schedule=CosineDecay(0.1, total_epochs=60), snapshots=3),
        single("restarts", schedule=restarts, snapshots=3),
        single("fresh starts", schedule=restarts, snapshots=3, fresh=True),
    ]
    text = f"{about}, three snapshots of each: constant, cosine, restarts, new networks"
    yield Study("D3", text, settings, seeds=range(5))
    setting = single("restarts, per step", schedule=restarts, per="step", snapshots=3)
    yield Study("D3-per-step", f"{about}, restarts set at every step", [setting])
    settings = [
        single(f"cycles of {c}", schedule=CyclicCosine(0.1, cycle_epochs=c), snapshots=60 // c)
        for c in (5, 10)
    ]
    text = f"{about}, restarts after 5 and 10 epochs"
    yield Study("D3-cycles", text, settings)


STUDIES: Mapping[str, Study] = registry(
    [
        *_d2(),
        *_sensitivity(),
        *_batch_size(),
        *_d4(),
        *_warmup_rates(),
        *_d3(),
        *_momentum(),
        *_optimizers(),
    ]
)


class UnknownStudy(ValueError):
    """No study has this name; the message lists the ones that are spelled like it."""


def select(patterns: Iterable[str], studies: Mapping[str, Study] = STUDIES) -> list[Study]:
    """Return the studies that names or shell patterns name, each once; none name all.

    Raises:
        UnknownStudy: Nothing has such a name.

    Example:
        >>> [study.name for study in select(["D2-*-late", "batch-size"])]
        ['D2-sqrt-late', 'D2-cosine-late', 'batch-size']
        >>> select(["batchsize"])
        Traceback (most recent call last):
        ...
        lrlab.studies.UnknownStudy: there is no study 'batchsize'. Did you mean batch-size?
    """
    names: dict[str, None] = {}
    for pattern in patterns:
        matches = fnmatch.filter(studies, pattern)
        if not matches:
            close = difflib.get_close_matches(pattern, studies, n=3)
            hint = f"Did you mean {', '.join(close)}?" if close else "`lrlab list` shows them all."
            raise UnknownStudy(f"there is no study {pattern!r}. {hint}")
        names.update(dict.fromkeys(matches))
    return [studies[name] for name in names or studies]
