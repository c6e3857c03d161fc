"""The studies of the book, declared as data: what is run, and nothing of how.

A `lrlab.studies.setting.Study` is a list of settings, each run with several seeds. `Run.config` is
what the record of a run has to say.

Example:
    >>> run = STUDIES["D2-cosine"].runs()[0]
    >>> run.name, run.seed, run.setting.epochs, run.setting.schedule(10)
    ('cosine-seed-0', 0, 30, 0.155)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from lrlab.compose import join, warmup
from lrlab.schedules import (
    Constant,
    CosineDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Recurrence,
)
from lrlab.studies.setting import Setting, Study, registry

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
