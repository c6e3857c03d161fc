"""What does it cost to let Dask hand out the runs, instead of `lrlab run` alone?

    make bench        (or: python benchmarks/executors.py [ROUNDS])

LeNet on 2,000 images of Fashion-MNIST for 3 epochs, many runs by four worker processes:

- side by side, as `lrlab run` makes them;
- by the workers of a Dask cluster on this machine, as `lrlab run --executor dask` makes them.

Both ways make the same runs and take turns, so that a machine that is also busy with something else
is so for both. What is done once, such as starting the workers, is told of the first round, which
warms up, and not counted. The images are those that travel with the package.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from lrlab import Constant, Recipe, data
from lrlab.studies import Executor, Images, Run, Setting, execute, on_dask

WORKERS, RUNS, EPOCHS, IMAGES = 4, 24, 3, 2_000
NAME = "first_images"
SETTING = Setting("constant", Recipe(Constant(0.1), epochs=EPOCHS), data=Images(NAME, limit=IMAGES))


def seconds(executor: Executor | None, runs: list[Run]) -> float:
    """Make the runs, and record each; how long that takes."""
    with tempfile.TemporaryDirectory() as results:
        start = time.perf_counter()
        report = execute(runs, results=results, workers=WORKERS, device="cpu", executor=executor)
        taken = time.perf_counter() - start
    assert len(report.outcomes) == len(runs), report.ended
    assert not report.failed, report.failed
    return taken


def main(rounds: int) -> None:
    """Measure both ways in turn, and print medians and their ratio."""
    from distributed import LocalCluster  # late: the tests import this script without Dask, too

    os.environ["LRLAB_PROGRESS"] = "0"
    runs = [Run("benchmark", SETTING, seed) for seed in range(RUNS)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRLAB_DATA"] = folder
        first = data.load("fashion_mnist", IMAGES, test_limit=IMAGES)
        arrays = {key: getattr(first, key) for key in ("x_train", "y_train", "x_test", "y_test")}
        np.savez(Path(folder, f"{NAME}.npz"), **arrays)
        with LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster:
            ways: dict[str, Callable[[list[Run]], float]] = {
                "local": partial(seconds, None),
                "dask": partial(seconds, on_dask(cluster.scheduler_address)),
            }
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for number in range(rounds + 1):
                for name, way in ways.items() if number % 2 else reversed(ways.items()):
                    taken[name].append(way(runs))
                    print(f"round {number}  {name:5} {taken[name][-1]:6.2f} s", flush=True)
    print(f"\n{WORKERS} workers, {RUNS} runs of {EPOCHS} epochs; medians of {rounds} rounds")
    for name, values in taken.items():
        print(f"{name:5} {median(values[1:]):6.2f} s")
    ratios = [dask / local for local, dask in zip(*taken.values(), strict=True)][1:]
    print(f"dask takes {median(ratios):.3f} times as long ({min(ratios):.3f}-{max(ratios):.3f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
