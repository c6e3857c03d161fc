"""What does lrlab do on a GPU: is it right, how fast is it? With the time left, recorded runs.

    python benchmarks/on_a_gpu.py [--minutes 9] [--out DIR] [--only PART ...] [--studies NAME ...]

The parts, in this order, each of which may fail without touching the others:

- correctness: LeNet trained by `fit` on the GPU against the CPU; `fit_many` against `fit`;
- speed: `fit` against a loop that reads image by image from a `DataLoader`; `fit_many` against one
  `fit` after another for 32 LeNets, from 1 to 128; what AlexNet takes;
- records of the studies named, a small network's by `batched` where it can, else side by side.

Needs torch, NumPy and scikit-learn with what these and `lrlab` import, Pillow for the loop, and the
images as ``.npz`` files in ``LRLAB_DATA``. Writes into DIR, or else into ``$OUT``: ``report.txt``,
``numbers.json``, ``records.tar.gz``, renewed after each record, and more. ``--small`` goes through
everything in a minute or two on a CPU.
"""

import argparse
import json
import os
import signal
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before cuBLAS is first called

import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # a checkout need not be installed

import training_speed

from lrlab import Constant, Recipe, data, pytorch
from lrlab.optimizers import Momentum
from lrlab.pytorch import AlexNet, LeNet, device_name, fit, fit_many, pick_device
from lrlab.studies import Images, Run, can_join, execute, select
from lrlab.studies import batched as in_one_program

PARTS = ("correctness", "speed", "records")
SEEDS_AT_ONCE = 5  # in one program; of D2 that makes 30 runs
DEVICE = str(pick_device())


class TimeIsUp(BaseException):
    """The minutes are over, or somebody ended the program: no part may hold it up."""


class Desk:
    """Where results go, and the time that is left."""

    def __init__(self, folder: Path, minutes: float, small: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.small, self.numbers = folder, small, {}
        self.started, self.seconds = time.monotonic(), 60 * minutes
        self.report = (folder / "report.txt").open("w", encoding="utf-8")

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.seconds - (time.monotonic() - self.started)

    def say(self, text: str) -> None:
        """Print and keep a line."""
        line = f"[{time.monotonic() - self.started:5.1f} s] {text}"
        print(line, flush=True)
        self.report.write(line + "\n")
        self.report.flush()

    def note(self, name: str, value: object) -> None:
        """Keep a number, and say it."""
        self.numbers[name] = value
        text = json.dumps(self.numbers, indent=1, default=float)
        (self.folder / "numbers.json").write_text(text, encoding="utf-8")
        self.say(f"{name}: {f'{value:.4g}' if isinstance(value, float) else value}")

    def attempt(self, name: str, part: Callable[["Desk"], None]) -> None:
        """Run a part; what goes wrong is written down, and the next one starts."""
        try:
            part(self)
        except Exception as error:
            self.say(f"{name} FAILED: {type(error).__name__}: {error}")
            with (self.folder / "errors.txt").open("a", encoding="utf-8") as file:
                file.write(f"--- {name}\n{traceback.format_exc()}\n")


@contextmanager
def setting(owner: object, **values: object):
    """Set attributes for a while."""
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def machine(desk: Desk) -> None:
    """Say what computes, and at which precision."""
    desk.note("torch", torch.__version__)
    desk.note("device", device_name(pick_device()))
    desk.note("cores", os.cpu_count())
    desk.note("cudnn", str(torch.backends.cudnn.version()))
    desk.note("TF32 in convolutions", torch.backends.cudnn.allow_tf32)
    desk.note("TF32 in products", torch.backends.cuda.matmul.allow_tf32)


# --- correctness ----------------------------------------------------------------------------------


def largest(found: list, expected: list) -> dict[str, float]:
    """The largest deviations of histories: losses relative to the loss, accuracies in points."""
    off = {}
    for name in ("train_loss", "test_loss", "test_accuracy"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(found, expected, strict=True)]
        a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
        scale = 0.01 if name == "test_accuracy" else np.abs(b)
        alike = (a == b) | (np.isnan(a) & np.isnan(b))  # also infinite, where a model diverged
        with np.errstate(invalid="ignore"):
            off[name] = float(np.where(alike, 0, np.abs(a - b) / scale).max())
    return off


def against_the_cpu(desk: Desk) -> None:
    """LeNet on both devices, from the same weights, with the images in the same order."""
    images = data.load("fashion_mnist", 512 if desk.small else 12_000)
    recipes = [Recipe(Constant(0.1), epochs=1 if desk.small else 3, seed=s) for s in range(3)]

    def train(device: str) -> list:
        return [fit(LeNet(seed=r.seed), images, r, device=device) for r in recipes]

    with pytorch.one_thread():
        expected = train("cpu")
    for tf32 in (False, True):
        with setting(torch.backends.cudnn, allow_tf32=tf32):
            desk.note(f"GPU against CPU, TF32 {tf32}, 3 epochs", largest(train(DEVICE), expected))
    # How far the same loss is carried by a rounding: the yardstick of the numbers above.
    moved = [LeNet(seed=r.seed) for r in recipes]
    with torch.no_grad():
        for model in moved:
            model[0].weight.mul_(1 + 1e-7)
    shaken = [fit(m, images, r, device="cpu") for m, r in zip(moved, recipes, strict=True)]
    desk.note("CPU against CPU, weights moved by 1e-7", largest(shaken, expected))
    if DEVICE == "cuda":
        with pytorch.deterministic():
            desk.note("fit repeats to the last bit", largest(train(DEVICE), train(DEVICE)))


def many_against_fit(desk: Desk) -> None:
    """Different rates, momentum, clipping and a model that diverges, over few and more steps."""
    recipes = [Recipe(Constant(lr), epochs=1) for lr in (0.01, 0.1, 0.3)]
    recipes += [replace(recipes[0], clip_norm=0.5), replace(recipes[0], schedule=Constant(1e9))]
    recipes += [
        replace(recipes[0], optimizer=Momentum(momentum=0.9, nesterov=n)) for n in (0 > 1, 1 > 0)
    ]
    for steps in (2, 4) if desk.small else (5, 100):
        images = data.load("fashion_mnist", 128 * steps)
        for seeds in ("one", "own"):
            plan = [r.seeded(k if seeds == "own" else 0) for k, r in enumerate(recipes)]

            def models() -> list:
                return [LeNet(seed=k) for k in range(len(recipes))]

            with setting(torch.backends.cudnn, allow_tf32=False):
                expected = [
                    fit(m, images, r, device=DEVICE) for m, r in zip(models(), plan, strict=True)
                ]
                found = fit_many(models(), images, plan, device=DEVICE)
                name = f"fit_many against fit, {steps} steps, {seeds} order"
                desk.note(name, largest(found, expected))
                assert [h.stopped for h in found] == [h.stopped for h in expected]


# --- speed ----------------------------------------------------------------------------------------


def against_per_image(desk: Desk) -> None:
    """An epoch of LeNet and its test images, one way after another, the best of some."""
    if desk.small:
        images, rounds, recipe = data.load("fashion_mnist"), 1, Recipe(Constant(0.1), epochs=1)
    else:
        images, rounds, recipe = data.load("fashion_mnist"), 2, Recipe(Constant(0.1), epochs=4)
    seconds = fit(LeNet(), images, recipe, device=DEVICE).seconds
    desk.note("fit, best epoch [s]", min(seconds))
    desk.note("fit, median epoch [s]", median(seconds))
    alone = min(fit_many([LeNet()], images, [recipe], device=DEVICE)[0].seconds)
    desk.note("fit_many of one, best epoch [s]", alone)
    for workers in (0,) if desk.small else (0, 2, 4):
        timed = [training_speed.per_image_loop(images, n, workers)[0] for n in range(rounds)]
        desk.note(f"per-image loop, {workers} workers, best epoch [s]", min(timed))
        desk.note(f"fit is faster than {workers} workers, times", min(timed) / min(seconds))
        desk.note(f"fit_many of one is faster than {workers}, times", min(timed) / alone)


def many_against_one_after_another(desk: Desk) -> None:
    """Many LeNets at different rates, whole runs."""
    count, epochs = (3, 1) if desk.small else (32, 2)
    images = data.load("fashion_mnist")
    recipes = [Recipe(Constant(lr), epochs=epochs) for lr in np.geomspace(0.01, 0.3, count)]
    for order in ("one", "own"):
        plan = [r.seeded(k if order == "own" else 0) for k, r in enumerate(recipes)]
        name = f"fit_many, {count} LeNets, {order} order"
        start = time.perf_counter()
        fit_many([LeNet(seed=k) for k in range(count)], images, plan, device=DEVICE)
        desk.note(f"{name}, run of {epochs} epochs [s]", time.perf_counter() - start)
    start = time.perf_counter()
    for k, recipe in enumerate(plan):
        fit(LeNet(seed=k), images, recipe, device=DEVICE)
    whole_alone = time.perf_counter() - start
    desk.note(f"fit, {count} LeNets one after another, whole runs [s]", whole_alone)
    for order in ("one", "own"):
        name = f"fit_many, {count} LeNets, {order} order"
        gain = whole_alone / desk.numbers[f"{name}, run of {epochs} epochs [s]"]
        desk.note(f"{name}: whole runs faster, times", gain)


def per_step(
    network: type, images: data.Dataset, count: int, own: bool = False, **options
) -> float:
    """Milliseconds of an update of so many networks, with its share of the evaluation."""
    models = [network(seed=k, **options) for k in range(count)]
    recipes = [Recipe(Constant(0.05), epochs=2, seed=k if own else 0) for k in range(count)]
    histories = fit_many(models, images, recipes, device=DEVICE)
    second = sum(h.seconds[-1] for h in histories)
    return 1e3 * second / recipes[0].steps_per_epoch(len(images.x_train))


def growth(desk: Desk) -> None:
    """How the time of an update grows with the number of models."""
    images = data.load("fashion_mnist", 256 if desk.small else 12_800, test_limit=100)
    for count in (2,) if desk.small else (1, 8, 32, 128):
        for own in (False, True):
            name = f"{count} LeNets, {'own' if own else 'one'} order [ms a step]"
            desk.note(name, per_step(LeNet, images, count, own))


def alexnet(desk: Desk) -> None:
    """AlexNet at full width: alone, repeatable to the last bit, six in one program."""
    images = data.load("cifar10", 256 if desk.small else 12_800, test_limit=100)
    recipe = Recipe(Constant(0.1), epochs=2)
    steps = recipe.steps_per_epoch(len(images.x_train))

    def alone() -> float:
        return 1e3 * fit(AlexNet(), images, recipe, device=DEVICE).seconds[-1] / steps

    desk.note("AlexNet, fit [ms a step]", alone())
    if DEVICE == "cuda":
        with pytorch.deterministic():
            desk.note("AlexNet, fit, deterministic [ms a step]", alone())
    for count in (2,) if desk.small else (1, 6):
        desk.note(f"{count} AlexNets [ms a step]", per_step(AlexNet, images, count))


# --- records --------------------------------------------------------------------------------------


def small(run: Run) -> Run:
    """The same run in one epoch, of whatever images there are."""
    recipe, images = run.setting.recipe, Images(run.setting.data.name, limit=None)
    short = replace(run.setting, recipe=replace(recipe, epochs=1), data=images)
    return replace(run, setting=short)


def slices(names: list[str]) -> list[tuple[str, list[Run], bool]]:
    """What to record, in this order: a name, runs that belong together, whether in one program."""
    found = []
    for study in select(names):
        wide = any(s.network.width == 1 and s.network.name != "LeNet" for s in study.settings)
        together = not wide and all(map(can_join, study.runs()))
        size = SEEDS_AT_ONCE if together else 1
        for first in range(0, len(study.seeds), size):
            seeds = study.seeds[first : first + size]
            found.append((f"{study.name}, seeds {seeds}", study.runs(seeds), together))
    return found


def record(desk: Desk, *, names: list[str], workers: int, results: Path) -> None:
    """Make the runs, slice by slice, as long as there is time for the next."""
    took: dict[bool, float] = {}
    for name, runs, together in slices(names):
        if desk.small:
            runs = [small(run) for run in runs[:2]]
        if desk.left < took.get(together, 0.0):
            desk.say(f"{name}: left out, would take {took[together]:.0f} s of {desk.left:.0f} s")
            continue
        desk.say(f"{name}: {len(runs)} runs, {desk.left:.0f} s left")
        start = time.monotonic()
        options = {"executor": in_one_program} if together else {"workers": workers}
        desk.attempt(name, partial(make, runs=runs, results=results, options=options))
        took[together] = time.monotonic() - start
        desk.note(f"{name} [s]", took[together])


def make(desk: Desk, *, runs: list[Run], results: Path, options: dict) -> None:
    """Make runs and record them; each record is also put where it comes home."""

    def keep(line: str) -> None:
        desk.say(line)
        pack(results, desk.folder)

    report = execute(runs, results=results, device=DEVICE, log=keep, **options)
    for outcome in report.failed[:3]:
        desk.say(str(outcome))
    if report.ended:
        desk.say(report.ended)


def pack(results: Path, folder: Path) -> None:
    """Put all records into one file, whole or not at all."""
    partial = folder / "records.tar.gz.part"
    with tarfile.open(partial, "w:gz") as archive:
        archive.add(results, arcname="results")
    partial.replace(folder / "records.tar.gz")


def same_images(desk: Desk) -> None:
    """Say whether the images are those of the records of this checkout."""
    for name, study in (("fashion_mnist", "D2-sqrt"), ("cifar10", "D4-step")):
        record = next((training_speed.ROOT / "book" / "results" / study).glob("*.json"))
        there = json.loads(record.read_text("utf-8"))["history"]["provenance"]["data"]
        here = data.load(name).fingerprint
        desk.note(f"images of {name}", f"{here}, those of the records: {here == there}")


# --- all of it ------------------------------------------------------------------------------------


def shrink_images(folder: Path) -> None:
    """Put a few of the images where `load` finds them."""
    for name in ("fashion_mnist", "cifar10"):
        few = data.load(name, 512, test_limit=200)
        arrays = {key: getattr(few, key) for key in ("x_train", "y_train", "x_test", "y_test")}
        np.savez(folder / f"{name}.npz", **arrays)
    os.environ["LRLAB_DATA"] = str(folder)


def run_out(*_: object) -> None:
    """End whatever runs."""
    raise TimeIsUp


def main() -> None:
    """Go through the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "gpu-report"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--studies", nargs="+", default=["D4-full-width", "further-seeds"])
    parser.add_argument("--workers", type=int, default=6, help="processes that share the GPU")
    parser.add_argument("--small", action="store_true", help="a minute or two on a CPU")
    options = parser.parse_args()
    os.environ["LRLAB_PROGRESS"] = "0"
    desk = Desk(options.out, options.minutes, options.small)
    work = Path(tempfile.mkdtemp())
    (work / "results").mkdir()
    if options.small:
        shrink_images(work)
    signal.signal(signal.SIGTERM, run_out)
    signal.signal(signal.SIGALRM, run_out)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, desk.seconds))
    try:
        desk.attempt("machine", machine)
        if "correctness" in options.only:
            desk.attempt("against the CPU", against_the_cpu)
            desk.attempt("fit_many against fit", many_against_fit)
        if "speed" in options.only:
            desk.attempt("against a loop image by image", against_per_image)
            desk.attempt("many against one after another", many_against_one_after_another)
            desk.attempt("growth", growth)
            desk.attempt("AlexNet", alexnet)
        if "records" in options.only:
            desk.attempt("images", same_images)
            plan = {"names": options.studies, "workers": options.workers}
            desk.attempt("records", partial(record, results=work / "results", **plan))
    except (TimeIsUp, KeyboardInterrupt):
        desk.say("time is up")
    signal.setitimer(signal.ITIMER_REAL, 0)
    records = len(list((work / "results").rglob("*.json")))
    desk.say(f"done: {records} records")
    desk.report.close()
    sys.stdout.flush()
    get_reusable_executor().shutdown(kill_workers=True)
    os._exit(0)  # what still trains is not waited for


if __name__ == "__main__":
    main()
