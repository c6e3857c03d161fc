"""Optimizers that adapt (D5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lrlab.optimizers import AdaDelta, AdaGrad, Adam, AdamW, Momentum, Optimizer, RMSProp
from lrlab.schedules import Constant, CosineDecay
from lrlab.studies.catalog.sensitivity import RATES
from lrlab.studies.catalog.tuning import CHOICE, CHOOSING, CHOOSING_SEEDS, FINAL_SEEDS
from lrlab.studies.study import Setting, Study
from lrlab.training import Recipe

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
# What is tuned: for each way the optimizer, whether the rate falls, and the rates of its grid.
WAYS: dict[str, tuple[Optimizer, bool, tuple[float, ...]]] = {
    "momentum": (Momentum(), False, (0.1, 0.03, 0.01, 3e-3, 1e-3)),
    "momentum, cosine": (Momentum(), True, (0.3, 0.1, 0.03, 0.01, 3e-3)),
    "Adam": (Adam(), False, (0.01, 3e-3, 1e-3, 3e-4, 1e-4)),
    "Adam, cosine": (Adam(), True, (0.03, 0.01, 3e-3, 1e-3, 3e-4)),
}
WAYS |= {
    f"AdamW {decay:g}{', cosine' * falls}": (AdamW(weight_decay=decay), falls, rates)
    for decay in (0.01, 0.1, 1.0)
    for falls, rates in ((False, (3e-3, 1e-3, 3e-4)), (True, (0.01, 3e-3, 1e-3)))
}
# Where the choice fell on an end of a grid.
FURTHER_RATES = {"AdamW 0.01": (0.01,), "AdamW 0.1": (0.01,), "AdamW 1, cosine": (0.03,)}
# What "optimizer-choosing" chose; of the weight decays, one with each schedule.
CHOSEN_WAYS = {
    "momentum": 0.03,
    "momentum, cosine": 0.03,
    "Adam": 3e-3,
    "Adam, cosine": 3e-3,
    "AdamW 0.01": 3e-3,
    "AdamW 0.1, cosine": 3e-3,
}
DECIDES_WAYS = (
    f"{CHOICE} The comparison with seeds 20 to 24, optimizer-tuned, is of the test accuracy after "
    "epoch 10, paired by seed, with 95 % intervals and with Holm's for its seven claims; the "
    "margin is 0.3 points. D5.18, second half: Adam with a cosine less Adam lies above the margin, "
    "or momentum with a cosine less Adam does. D5.20: so does momentum with a cosine less "
    "momentum. D5.25: momentum with a cosine less Adam with one lies above minus the margin. D5.22 "
    "is tried at three batch sizes, see momentum-batch-tuning. Weight decay: of the decays 0.01, "
    "0.1 and 1 the held-out images choose one with a constant rate and one with a cosine; with "
    "either, it less Adam of the same schedule lies above the margin. It wants a schedule if its "
    "gain with a cosine less its gain without lies above the margin."
)


def _way(name: str, lr: float) -> Setting:
    optimizer, falls, _ = WAYS[name]
    schedule = CosineDecay(lr, total_epochs=10) if falls else Constant(lr)
    recipe = Recipe(schedule, epochs=10, per="step", optimizer=optimizer)
    return Setting(f"{name}, lr {lr:g}", recipe)


def studies() -> Iterable[Study]:
    """The rates that each optimizer forgives, the frameworks' defaults, and tuned ways."""
    about = "of LeNet on Fashion-MNIST"
    for name, (optimizer, rates) in ADAPTIVE.items():
        settings = tuple(
            Setting(f"lr {lr:g}", Recipe(Constant(lr), epochs=1, optimizer=optimizer))
            for lr in rates
        )
        span = f"constant rates {rates[0]:g} to {rates[-1]:g}"
        yield Study(f"sensitivity-1-{name}", f"1 epoch {about} with {name}, {span}", settings)
    settings = tuple(
        Setting(name, Recipe(Constant(lr), epochs=1, optimizer=optimizer))
        for name, (optimizer, lr) in DEFAULTS.items()
    )
    text = f"1 epoch {about} with PyTorch's optimizers and Keras' default numbers"
    yield Study("optimizer-defaults", text, settings)
    settings = tuple(
        replace(_way(name, lr), data=CHOOSING)
        for name, (_, _, rates) in WAYS.items()
        for lr in (*rates, *FURTHER_RATES.get(name, ()))
    )
    text = f"10 epochs {about}: momentum, Adam and weight decays on coarse grids, to choose"
    yield Study("optimizer-choosing", text, settings, seeds=CHOOSING_SEEDS, decides=DECIDES_WAYS)
    settings = tuple(_way(name, lr) for name, lr in CHOSEN_WAYS.items())
    text = f"10 epochs {about}: momentum, Adam and weight decays, each at the rate that was chosen"
    yield Study("optimizer-tuned", text, settings, seeds=FINAL_SEEDS, decides=DECIDES_WAYS)
