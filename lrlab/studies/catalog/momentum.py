"""Momentum against the rate (D5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lrlab.optimizers import SGD, Momentum, Optimizer
from lrlab.schedules import Constant
from lrlab.studies.catalog.sensitivity import BATCH_RATES, RATES
from lrlab.studies.catalog.tuning import CHOICE, CHOOSING, CHOOSING_SEEDS, FINAL_SEEDS
from lrlab.studies.study import Setting, Study
from lrlab.training import Recipe

#: The document's own momenta; the row without momentum is the study "sensitivity-1".
MOMENTA = (0.5, 0.9, 0.99)
SIZES = (32, 128, 512)  # of a batch
#: For each batch size the rates without momentum and with 0.9 that "momentum-batch-tuning" chose.
CHOSEN_RATES = {32: (2**-3, 2**-6), 128: (2**-3, 2**-5), 512: (2**-2, 2**-4)}
DECIDES_BATCH = (
    f"{CHOICE} The comparison, momentum-batch, has five fresh seeds at each batch size, and is of "
    "the test accuracy after epoch 2, paired by seed, with 95 % intervals and with Holm's for its "
    "four claims; the margin is 0.5 points. Momentum gains at a size if 0.9 less none lies above "
    "the margin, and nothing that matters if it lies within. Its gain grows with the batch if that "
    "of 512 less that of 32, of the same seed, lies above the margin."
)


def _setting(label: str, optimizer: Optimizer, lr: float, epochs: int) -> Setting:
    recipe = Recipe(Constant(lr), epochs=epochs, optimizer=optimizer)
    return Setting(f"{label}, lr {lr:g}", recipe)


def _in_batches(size: int, optimizer: Optimizer, lr: float) -> Setting:
    label = f"batch {size}, momentum {getattr(optimizer, 'momentum', 0):g}, lr {lr:.3g}"
    recipe = Recipe(Constant(lr), epochs=2, batch_size=size, optimizer=optimizer)
    return Setting(label, recipe)


def studies() -> Iterable[Study]:
    """A grid of momenta and rates, pairs of equal long-run rates, rates at three batch sizes."""
    settings = tuple(
        _setting(f"momentum {momentum:g}", Momentum(momentum=momentum), lr, 1)
        for momentum in MOMENTA
        for lr in RATES
        if lr >= 1e-4
    )
    text = "1 epoch of LeNet on Fashion-MNIST, momenta 0.5, 0.9, 0.99 against rates 1 to 0.0001"
    yield Study("momentum-rates", text, settings)
    # A momentum of 0.9 adds up ten gradients: each rate without it has its tenth part with it.
    ahead = Momentum(momentum=0.9, nesterov=True)
    settings = (
        *(_setting("momentum 0", SGD(), lr, 10) for lr in (0.1, 0.3)),
        *(_setting("momentum 0.9", Momentum(momentum=0.9), lr, 10) for lr in (0.01, 0.03)),
        *(_setting("Nesterov 0.9", ahead, lr, 10) for lr in (0.01, 0.03)),
    )
    text = "10 epochs of LeNet on Fashion-MNIST, without momentum and with 0.9, of both kinds"
    yield Study("momentum-10", text, settings, seeds=(0, 1, 2, 3, 4))
    # As many rates for both, of about equal long-run rates.
    rows = ((SGD(), BATCH_RATES[:7]), (Momentum(momentum=0.9), BATCH_RATES[3:]))
    settings = tuple(
        replace(_in_batches(size, optimizer, lr), data=CHOOSING)
        for size in SIZES
        for optimizer, rates in rows
        for lr in rates
    )
    text = (
        "2 epochs of LeNet on Fashion-MNIST, momentum 0.9 or none at three batch sizes, to choose"
    )
    yield Study(
        "momentum-batch-tuning", text, settings, seeds=CHOOSING_SEEDS, decides=DECIDES_BATCH
    )
    settings = tuple(
        _in_batches(size, optimizer, lr)
        for size, chosen in CHOSEN_RATES.items()
        for (optimizer, _), lr in zip(rows, chosen, strict=True)
    )
    text = "2 epochs of LeNet on Fashion-MNIST, momentum 0.9 or none, each at its chosen rate"
    yield Study(
        "momentum-batch", text, settings, seeds=FINAL_SEEDS, decides=f"D5.22. {DECIDES_BATCH}"
    )
