"""The rate against the budget and the batch size (D5)."""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.schedules import Constant, LinearDecay
from lrlab.studies.study import Setting, Study
from lrlab.training import Recipe

#: Two rates a decade, 1 to 1e-6, D2's own 0.3 and 0.1 among them.
RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
#: The grid's last step, from a rate that trains to one that does not, at a finer resolution.
EDGE_RATES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
#: Halved from one to the next. A batch size four times as large is said to want a rate four times
#: as large, which is two steps here.
BATCH_RATES = tuple(2.0**-k for k in range(10))


def studies() -> Iterable[Study]:
    """Constant and falling rates at two budgets, then three batch sizes."""
    for name, epochs, lrs in (("1", 1, RATES), ("5", 5, RATES), ("1-edge", 1, EDGE_RATES)):
        text = f"{epochs} epoch{'s' * (epochs > 1)} of LeNet on Fashion-MNIST, "
        span = f"rates {lrs[0]:g} to {lrs[-1]:g}"
        constant = {lr: Recipe(Constant(lr), epochs=epochs) for lr in lrs}
        yield Study(f"sensitivity-{name}", f"{text}constant {span}", _each(constant))
        # At every step: a decay over one epoch would else be no decay.
        linear = {
            lr: Recipe(LinearDecay(lr, total_epochs=epochs), epochs=epochs, per="step")
            for lr in lrs
        }
        text = f"{text}{span} that fall to 0 along a line"
        yield Study(f"sensitivity-{name}-linear", text, _each(linear))
    settings = tuple(
        Setting(f"batch {size}, lr {lr:.3g}", Recipe(Constant(lr), epochs=2, batch_size=size))
        for size in (32, 128, 512)
        for lr in BATCH_RATES
    )
    text = "2 epochs of LeNet on Fashion-MNIST, batch sizes 32, 128, 512 against rates 1 to 1/512"
    yield Study("batch-size", text, settings)


def _each(recipes: dict[float, Recipe]) -> tuple[Setting, ...]:
    return tuple(Setting(f"lr {lr:g}", recipe) for lr, recipe in recipes.items())
