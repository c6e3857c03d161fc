"""Three problems on which rates and schedules are compared, small enough for hundreds of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lrlab.optimizers import AdamW, Momentum, Optimizer
from lrlab.plateau import ReduceOnPlateau
from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    Geometric,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    Schedule,
    WarmupStableDecay,
    warmup,
)
from lrlab.studies.catalog.d4 import NARROW
from lrlab.studies.study import Images, Network, Setting
from lrlab.training import Recipe, Watch

RAMP = 1  # epochs of the warm-up that the decoder has before every schedule


@dataclass(frozen=True)
class Problem:
    """What is trained, on what, and how it is judged.

    Args:
        network: What is trained.
        data: The examples, with some held out.
        optimizer: What trains it.
        rates: The grid, by factors of about √10.
        batch_size: Examples in an update.
        metric: The curve on held-out examples that chooses.
        ramp: Epochs of warm-up before every schedule.
    """

    network: Network
    data: Images
    optimizer: Optimizer
    rates: tuple[float, ...]
    batch_size: int = 128
    metric: str = "test_accuracy"
    ramp: float = 0

    def setting(
        self, label: str, schedule: Schedule, epochs: int, *, watch: Watch | None = None
    ) -> Setting:
        """Return a run of so many epochs, evaluated on the held-out examples in each."""
        recipe = Recipe(
            schedule,
            epochs=epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            per="step",
            watch=watch,
        )
        return Setting(label, recipe, network=self.network, data=self.data)

    def way(self, name: str, lr: float, epochs: int) -> Setting:
        """Return a run with the schedule of this name at a peak rate, after the ramp."""
        begin = 0 if name in RAMPED else self.ramp
        schedule = warmup(SCHEDULES[name](lr, epochs - begin), begin)
        if name == "trapezoid" and begin:  # the ramp is its own
            schedule = WarmupStableDecay(
                lr, warmup_epochs=begin, stable_epochs=0.8 * epochs - begin, decay_epochs=epochs / 5
            )
        watch = None
        if name == "plateau":
            mode = "max" if self.metric == "test_accuracy" else "min"
            patience = max(1, epochs // 8)
            policy = ReduceOnPlateau(
                lr, convention="pytorch", mode=mode, factor=0.3, patience=patience, min_delta=0
            )
            watch = Watch(policy, metric=self.metric, first_epoch=int(begin))
        return self.setting(f"{name}, lr {lr:g}", schedule, epochs, watch=watch)


def final(setting: Setting) -> Setting:
    """Return the setting that also looks at the test examples, once, after its last epoch."""
    return replace(setting, data=replace(setting.data, evaluate_on="both"))


_STEPS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def _few(name: str) -> Images:
    return Images(name, limit=6_000, held_out=4_000, evaluate_on="held_out")


#: The three problems, by name.
PROBLEMS: Mapping[str, Problem] = {
    "LeNet": Problem(Network(), _few("fashion_mnist"), Momentum(momentum=0.9), _STEPS),
    "AlexNet": Problem(NARROW, _few("cifar10"), Momentum(momentum=0.9), _STEPS),
    "decoder": Problem(
        Network("Decoder"),
        Images("markov", limit=None, held_out=1_000, evaluate_on="held_out"),
        AdamW(),
        tuple(lr / 10 for lr in _STEPS),
        batch_size=16,
        metric="test_loss",
        ramp=RAMP,
    ),
}

#: The schedules of the book, by name: from peak rate and epochs.
SCHEDULES: Mapping[str, Callable[[float, float], Schedule]] = {
    "constant": lambda lr, n: Constant(lr),
    "plateau": lambda lr, n: Constant(lr),
    "steps": lambda lr, n: MultiStepDecay(lr, gamma=0.1, milestones=(n / 2, 5 * n / 6)),
    "exponential": lambda lr, n: Geometric(lr, total_epochs=n, final_lr=lr / 100),
    "inverse root": lambda lr, n: InverseSqrtDecay(lr),
    "polynomial": lambda lr, n: PolynomialDecay(lr, total_epochs=n, power=2),
    "linear": lambda lr, n: LinearDecay(lr, total_epochs=n),
    "linear to a tenth": lambda lr, n: LinearDecay(lr, total_epochs=n, final_lr=lr / 10),
    "cosine": lambda lr, n: CosineDecay(lr, total_epochs=n),
    "restarts": lambda lr, n: CyclicCosine(lr, cycle_epochs=n / 4),
    "trapezoid": lambda lr, n: WarmupStableDecay(
        lr, warmup_epochs=n / 20, stable_epochs=0.75 * n, decay_epochs=n / 5
    ),
    "one cycle": lambda lr, n: OneCycle(lr, total_epochs=n),
}
RAMPED = ("one cycle",)  # begins with a ramp of its own
