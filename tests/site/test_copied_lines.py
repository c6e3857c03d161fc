"""What the copy button of the explorer of schedules gives, executed: it gives lrlab's rates."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from lrlab.keras import rates_of
from lrlab.schedules import Schedule, relative_difference
from tests.site.explorers import COPY, copying
from tests.support.schedule_samples import simple_schedules
from tests.support.strategies import free_durations
from tests.support.torch_rates import driven_rates

N = 2  # steps in an epoch
CLASSES = [cls.__name__ for cls in simple_schedules(free_durations)]

CONTROLS = """() => lrlab.explorers.schedules.controls.map((control) => ({
  key: control.key,
  values: control.kind === "check" ? ["true", "false"]
    : control.kind === "choice" ? Object.keys(control.options)
    : typeof control.values === "function" ? [0] : control.values,
}))"""


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with copying(chromium, tmp_path_factory.mktemp("lines"), "schedules") as page:
        yield page


def random_state(page: Page, name: str, seed: int) -> dict[str, Any]:
    """A class alone (even seeds) or composed (odd ones), and a value for each other control."""
    draw = random.Random(f"{name} {seed}")
    state = {control["key"]: draw.choice(control["values"]) for control in page.evaluate(CONTROLS)}
    # Keras is asked for each rate, one by one; hence the short runs.
    state |= {"schedule": name, "epochs": draw.randint(8, 40), "at": draw.randint(1, 25)}
    for key, off in (("then", "none"), ("warmup", 0), ("hold", 0)):
        if seed % 2 == 0 or draw.random() < 0.4:
            state[key] = off
    return state


def copied(page: Page, state: dict[str, Any], framework: str) -> tuple[Schedule, str]:
    """The schedule of a state, and the text that its copy button puts into the clipboard."""
    told = "&".join(f"{key}={value}" for key, value in {**state, "lines": framework}.items())
    text, config = page.evaluate(COPY, ["schedules", "config", f"#schedules?{told}"])
    return Schedule.from_config(config), text


def executed(code: str) -> dict[str, Any]:
    """The names that the lines define, beside a model and data of the reader's."""
    names = {"__name__": "copied", "train_loader": range(N), "train_data": range(N)}
    names["model"] = torch.nn.Linear(1, 1)
    exec(compile(code, "copied", "exec"), names)
    return names


def off(code: str, framework: str, schedule: Schedule, epochs: int) -> float:
    """How far the rates of the lines are from the schedule's, as a part of its highest rate."""
    names, steps = executed(code), epochs * N
    if framework == "pytorch":
        rates = driven_rates(names["optimizer"], names["scheduler"], steps)
    else:
        rate = names["learning_rate"]
        constant = isinstance(rate, float)
        rates = np.full(steps, rate) if constant else rates_of(rate, steps=steps)
        assert isinstance(names["optimizer"], keras.optimizers.SGD)
    return relative_difference(schedule(np.arange(steps) / N), rates)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    ("framework", "states", "border"), [("pytorch", 12, 1e-9), ("keras", 6, 1e-6)]
)
def test_the_lines_of_frameworks(
    page: Page, framework: str, states: int, border: float, name: str
) -> None:
    for seed in range(states):
        state = random_state(page, name, seed)
        schedule, code = copied(page, state, framework)
        assert off(code, framework, schedule, state["epochs"]) < border, (seed, code)


@pytest.mark.parametrize("name", CLASSES)
def test_the_lines_of_lrlab(page: Page, name: str) -> None:
    for seed in range(12):
        schedule, code = copied(page, random_state(page, name, seed), "lrlab")
        assert executed(code)["schedule"] == schedule, code


@pytest.mark.parametrize(("framework", "border"), [("pytorch", 1e-9), ("keras", 1e-6)])
def test_the_deepest_composition_has_names_for_all_its_pieces(
    page: Page, framework: str, border: float
) -> None:
    cycles = {f"{part}three_phase": "true" for part in ("", "then.")}
    state = {"schedule": "OneCycle", "then": "OneCycle", "hold": 1, **cycles}
    schedule, code = copied(page, state, framework)
    assert code.count("\ndef ") == 11
    assert off(code, framework, schedule, 30) < border


# A state, and the classes that its lines use: the framework's own wherever they are right.
OWN = {
    "schedule=StepDecay&warmup=0": ("StepLR", "ExponentialDecay"),
    "schedule=MultiStepDecay&warmup=0": ("MultiStepLR", "PiecewiseConstantDecay"),
    "schedule=ExponentialDecay&warmup=0": ("ExponentialLR", "ExponentialDecay"),
    "schedule=LinearDecay&warmup=0": ("LinearLR", "PolynomialDecay"),
    "schedule=PolynomialDecay&warmup=0": ("PolynomialLR", "PolynomialDecay"),
    "schedule=CosineDecay&warmup=0&total_epochs=30": ("CosineAnnealingLR", "CosineDecay"),
    "schedule=CosineDecay&warmup=0": ("LambdaLR", "CosineDecay"),  # PyTorch's rises again
    "schedule=CosineDecay": ("CosineAnnealingLR, LinearLR, SequentialLR", "CosineDecay"),
    "schedule=CosineDecay&begin_lr=0": (
        "CosineAnnealingLR, LambdaLR, SequentialLR",
        "CosineDecay",
    ),
    "schedule=CyclicCosine&warmup=0": ("CosineAnnealingWarmRestarts", "CosineDecayRestarts"),
    "schedule=CyclicCosine&warmup=0&cycle_mult=2": (
        "CosineAnnealingWarmRestarts",
        "LearningRateSchedule",
    ),
    "schedule=OneCycle&warmup=0&total_epochs=30": ("OneCycleLR", "LearningRateSchedule"),
    "schedule=Triangular&warmup=0": ("CyclicLR", "LearningRateSchedule"),
    "schedule=InverseTimeDecay&warmup=0": ("LambdaLR", "InverseTimeDecay"),
    "schedule=Constant&warmup=0&then=ExponentialDecay": (
        "ConstantLR, ExponentialLR, SequentialLR",
        "LearningRateSchedule",
    ),
}


@pytest.mark.parametrize("told", OWN)
def test_a_frameworks_own_class_is_used_where_it_is_right(page: Page, told: str) -> None:
    state = dict(pair.split("=") for pair in told.split("&"))
    used = []
    for framework in ("pytorch", "keras"):
        schedule, code = copied(page, state, framework)
        assert off(code, framework, schedule, 30) < 1e-6
        used.append(re.findall(r"^from \S+(?:lr_scheduler|schedules) import (.+)$", code, re.M)[0])
    assert tuple(used) == OWN[told]


def test_lines_of_another_schedule_would_be_noticed(page: Page) -> None:
    schedule, code = copied(page, {"schedule": "StepDecay"}, "pytorch")
    assert off(code, "pytorch", schedule, 30) < 1e-9
    assert off(code.replace("10 * n", "10 * n + 1"), "pytorch", schedule, 30) > 0.1
    schedule, code = copied(page, {"schedule": "StepDecay", "warmup": 0}, "keras")
    assert off(code.replace("0.1", "0.1000002"), "keras", schedule, 30) > 1e-6
