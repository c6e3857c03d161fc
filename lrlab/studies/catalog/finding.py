"""Finding a rate: range tests, fine grids of rates, and batch sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lrlab.optimizers import Adam, AdamW, Momentum, Optimizer
from lrlab.schedules import Geometric, LinearDecay, warmup
from lrlab.studies.catalog.problems import PROBLEMS, Problem
from lrlab.studies.study import Measure, Setting, Study
from lrlab.training import Recipe

EPOCHS = 4
FIVE, TEN = tuple(range(30, 35)), tuple(range(30, 40))
STEPS = 100  # updates of a range test
DECIDES = (
    "The true best rate of a problem is, for each seed, where the loss on held-out examples after "
    "epoch 4 is lowest on the grid, between its neighbours by the parabola through the three. A "
    "rule of the range test is told by the factor from the mean of these, over the logarithm, to "
    "its suggestion: median, smallest and largest over ten seeds, and how often it suggests "
    "nothing. A rule deserves trust at a problem if all ten suggestions lie within a factor of 3 "
    "of the best rate. Which of several ways needs the fewest trials to come within 10 % of the "
    "best loss on the grid is told from the same runs: a grid by factors of ten, a grid by factors "
    "of three, successive halving of the latter, and three trials around what each rule suggests. "
    "No choice is made of test examples. Claims L9.1, L9.2 and L9.3."
)
DECIDES_BATCH = (
    "For each size and seed the best rate is where the loss on held-out examples after the last "
    "epoch is lowest, as in the fine grids. Its slope over the logarithm of the batch size, a line "
    "through the three sizes, has a 95 % interval over the seeds: 1 is the linear rule, 1/2 the "
    "square root, 0 none. A rule holds for an optimizer if the interval lies within 0.25 of it. "
    "Claims L9.4, L9.5 and L9.6."
)
SIZES = {"LeNet": (32, 128, 512), "decoder": (4, 16, 64)}
#: The optimizers whose best rates are sought at several batch sizes, with their grids.
BATCHES: dict[str, tuple[str, Optimizer, tuple[float, ...]]] = {
    "LeNet-momentum": ("LeNet", Momentum(momentum=0.9), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
    "LeNet-Adam": ("LeNet", Adam(), (1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03)),
    "decoder-AdamW": ("decoder", AdamW(), (3e-4, 0.001, 0.003, 0.01, 0.03, 0.1)),
}


def studies() -> Iterable[Study]:
    """Range tests and fine grids of three problems, and grids at three batch sizes."""
    for name, problem in PROBLEMS.items():
        low, high = problem.rates[0], problem.rates[-1]
        fine = [float(f"{low * (high / low) ** (k / 12):.3g}") for k in range(13)]
        settings = tuple(_falling(f"lr {lr:g}", problem, lr) for lr in fine)
        text = f"{EPOCHS} epochs of {name}, thirteen peak rates by factors of 1.8, linear to 0"
        yield Study(f"rates-{name}", text, settings, seeds=FIVE, decides=DECIDES)
        text = f"a range test of {name}: {STEPS} updates whose rate grows a millionfold"
        yield Study(f"range-{name}", text, (_range_test(problem),), seeds=TEN, decides=DECIDES)
    for name, (on, optimizer, rates) in BATCHES.items():
        problem = replace(PROBLEMS[on], optimizer=optimizer)
        settings = tuple(
            _falling(f"batch {size}, lr {lr:g}", replace(problem, batch_size=size), lr)
            for size in SIZES[on]
            for lr in rates
        )
        sizes = ", ".join(map(str, SIZES[on]))
        text = f"{EPOCHS} epochs of {name.replace('-', ' with ')}, batches of {sizes}, six rates"
        yield Study(f"rates-batches-{name}", text, settings, seeds=FIVE[:3], decides=DECIDES_BATCH)


def _falling(label: str, problem: Problem, lr: float) -> Setting:
    schedule = LinearDecay(lr, total_epochs=EPOCHS - problem.ramp)
    return problem.setting(label, warmup(schedule, problem.ramp), EPOCHS)


def _range_test(problem: Problem) -> Setting:
    """Updates enough for the test, with what each batch lost on record."""
    low, high = problem.rates[0] / 100, problem.rates[-1] * 10
    size = problem.batch_size * STEPS
    recipe = Recipe(
        Geometric(low, total_epochs=(STEPS - 1) / STEPS, final_lr=high),
        epochs=1,
        batch_size=problem.batch_size,
        optimizer=problem.optimizer,
        per="step",
    )
    data = replace(problem.data, per_epoch=size)
    measure = Measure("loss")
    return Setting("range test", recipe, network=problem.network, data=data, measure=measure)
