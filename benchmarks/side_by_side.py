"""What is gained by several runs side by side, one thread each, over one run on all cores?

    make bench        (or: python benchmarks/side_by_side.py [ROUNDS])

LeNet on Fashion-MNIST, in model-epochs per second:

- one run after another, each on as many threads as there are cores;
- as many runs at a time as there are cores, one thread each, as `lrlab run` makes them.

Both ways train the same runs and take turns, so that a machine that is also busy with something
else is so for both. What is done once, such as starting the workers and reading the images, is
not counted: the first round warms up.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from statistics import median

import joblib
import torch

from lrlab import Constant, Recipe, data, pytorch
from lrlab.studies import Images, Run, Setting, execute

CORES = joblib.cpu_count()
EPOCHS, IMAGES = 2, 60_000
SETTING = Setting("constant", Recipe(Constant(0.1), epochs=EPOCHS), data=Images(limit=IMAGES))


images = cache(partial(data.load, "fashion_mnist", IMAGES))


def one_after_another(runs: list[Run]) -> None:
    """Train each run alone, on all cores."""
    torch.set_num_threads(CORES)
    for run in runs:
        pytorch.fit(pytorch.LeNet(seed=run.seed), images(), run.recipe, device="cpu")


def side_by_side(runs: list[Run]) -> None:
    """Train one run a core at a time, and record each."""
    with tempfile.TemporaryDirectory() as results:
        report = execute(runs, results=results, workers=CORES, device="cpu")
    assert len(report.outcomes) == len(runs), report.failed


def speed(way: Callable[[list[Run]], None], runs: list[Run]) -> float:
    """Model-epochs per second."""
    start = time.perf_counter()
    way(runs)
    return len(runs) * EPOCHS / (time.perf_counter() - start)


def main(rounds: int) -> None:
    """Measure both ways in turn, and print medians and their ratio."""
    os.environ["LRLAB_PROGRESS"] = "0"
    runs = [Run("benchmark", SETTING, seed) for seed in range(2 * CORES)]
    speeds: dict[Callable, list[float]] = {one_after_another: [], side_by_side: []}
    for number in range(rounds + 1):
        for way, values in speeds.items():
            values.append(speed(way, runs))
            if number:
                print(f"round {number}  {way.__name__:17} {values[-1]:5.2f} model-epochs/s")
    medians = {way: median(values[1:]) for way, values in speeds.items()}
    ratios = [b / a for a, b in zip(*speeds.values(), strict=True)][1:]
    print(f"\n{CORES} cores, {len(runs)} runs of {EPOCHS} epochs; medians of {rounds} rounds")
    for way, value in medians.items():
        print(f"{way.__name__:17} {value:5.2f} model-epochs/s")
    print(f"side by side: {median(ratios):.2f} times as fast ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
