"""The document on warm-up (D4), and the rates at which a warm-up matters.

The document is Keras', so the initial weights are as Keras draws them; its network and data set are
not told. AlexNet has an eighth of its width, since an epoch at full width takes minutes on a CPU;
``D4-full-width`` is for a GPU, and was declared with its rule before any of its runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.schedules import Constant, CosineDecay, MultiStepDecay, Recurrence, warmup
from lrlab.studies.study import Images, Network, Setting, Study
from lrlab.training import Recipe

NARROW = Network("AlexNet", init="glorot_uniform", width=0.125)
WIDE = Network("AlexNet", init="glorot_uniform")
CIFAR10 = Images("cifar10", limit=None)
DECIDES = (
    "Paired by seed, with 95 % intervals; the margin is 1 point of test accuracy, after epoch 30 "
    "unless said otherwise. D4.2 holds if 'step' less 'sin-decay' lies above -1 point, after epoch "
    "5 and after epoch 30. D4.3 holds if 'step' less 'no-warmup' lies above 1 point, and if the "
    "training loss of 'step' falls by more than 0.05 from epoch 15 to 16. D4.4 holds if "
    "'warmup-cosine' less 'cosine' lies above 1 point. The eighth of the width stood for the whole "
    "where its verdict by the same rule is the same word."
)
# The document's ramp, 0.02 to 0.1 in the epochs 0 to 4: from a fifth of the peak to all of it.
SCHEDULES = {
    "sin-decay": warmup(Recurrence(0.1, rule="sin"), epochs=4, begin_lr=0.02),
    "gradual-decay": warmup(Recurrence(0.1, rule="power"), epochs=4, begin_lr=0.02),
    "no-warmup": Recurrence(0.1, rule="sin"),
    "step": MultiStepDecay(0.1, gamma=0.1, milestones=(15,)),
}
WARMUP_RATES = (8.0, 4.0, 2.0, 1.0, 0.3, 0.1)


def _setting(label: str, recipe: Recipe, network: Network = NARROW) -> Setting:
    return Setting(label, recipe, network=network, data=CIFAR10)


def studies() -> Iterable[Study]:
    """The document's runs and rivals, in two widths; six rates with nothing, warm-up, clipping."""
    about = "AlexNet of an eighth of the width on CIFAR-10 for 30 epochs"
    for label, schedule in SCHEDULES.items():
        setting = _setting(label, Recipe(schedule, epochs=30))
        yield Study(f"D4-{label}", f"{about}, {label}", (setting,))
    cosines = {
        "cosine": CosineDecay(0.1, total_epochs=30),
        "warmup-cosine": warmup(CosineDecay(0.1, total_epochs=25), 5),
    }
    for label, schedule in cosines.items():
        setting = _setting(label, Recipe(schedule, epochs=30, per="step"))
        yield Study(f"D4-{label}", f"{about}, {label} to 0 set at every step", (setting,))
    recipes = {label: Recipe(schedule, epochs=30) for label, schedule in SCHEDULES.items()}
    recipes |= {label: Recipe(s, epochs=30, per="step") for label, s in cosines.items()}
    wide = tuple(_setting(label, recipe, WIDE) for label, recipe in recipes.items())
    text = "the six runs of D4 at AlexNet's full width, on CIFAR-10 for 30 epochs"
    yield Study("D4-full-width", text, wide, decides=DECIDES)
    about = "AlexNet of an eighth of the width on CIFAR-10 for 5 epochs, rates 8 to 0.1"
    texts = {
        "none": about,
        "warmup": f"{about} after a warm-up of 1 epoch",
        "clip": f"{about}, gradients clipped to norm 1",
    }
    for name, text in texts.items():
        settings = tuple(_setting(f"lr {lr:g}", _way(name, lr)) for lr in WARMUP_RATES)
        yield Study(f"warmup-rates-{name}", text, settings)


def _way(name: str, lr: float) -> Recipe:
    schedule = warmup(Constant(lr), 1) if name == "warmup" else Constant(lr)
    clip_norm = 1.0 if name == "clip" else None
    return Recipe(schedule, epochs=5, per="step", clip_norm=clip_norm)
