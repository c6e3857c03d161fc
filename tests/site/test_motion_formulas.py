"""Landscapes and theory in JavaScript give lrlab's numbers: asked in a real browser and here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page

from lrlab import Constant, theory
from lrlab.landscapes import DoubleWell, Noisy, Quadratic, Rosenbrock, descend
from lrlab.optimizers import SGD, Momentum
from tests.site.explorers import formulas

# What a formula gives for each case, and how that would look if it were off by 1e-8: a number by
# that much, a word as for a rate that is. As text: Playwright looks at each list that it sends.
ASK = """([path, cases, spoil]) => {
  const [room, name] = path.split(".");
  const own = lrlab[room][name];
  const off = (x) => (typeof x === "number" ? x * (1 + 1e-8) : Array.isArray(x) ? x.map(off)
    : x && typeof x === "object"
      ? Object.fromEntries(Object.entries(x).map(([key, value]) => [key, off(value)])) : x);
  const spoiled = (...args) => {
    const [bowl, lr, ...others] = args;
    return off(typeof own(...args) === "string" ? own(bowl, off(lr), ...others) : own(...args));
  };
  return JSON.stringify(JSON.parse(cases).map((args) => (spoil ? spoiled : own)(...args)),
    (_, x) => (x === Infinity ? "inf" : x));
}"""
RNG = np.random.default_rng(17)
FIRST = RNG.bit_generator.state
STEPS = 30


class Formula(NamedTuple):
    """Arguments of the formula in JavaScript, and what lrlab gives for each of them."""

    cases: list[list[Any]]
    ours: list[Any]


def log_uniform(low: float, high: float) -> float:
    return float(np.exp(RNG.uniform(np.log(low), np.log(high))))


def any_momentum() -> float:
    return [0.0, float(RNG.uniform(0, 1)), 1 - log_uniform(1e-3, 1)][RNG.integers(3)]


def any_bowl() -> Quadratic:
    count = int(RNG.integers(1, 4))
    angle = float(RNG.uniform(-3, 3)) if count == 2 and RNG.integers(2) else 0.0
    return Quadratic([log_uniform(0.1, 100) for _ in range(count)], angle=angle)


@cache
def all_wells() -> list[DoubleWell]:
    """Few, since lrlab looks for the minima of each when it is made."""
    rng = np.random.default_rng(18)
    return [
        DoubleWell(
            rng.uniform(10, 30),
            flat=rng.uniform(0.5, 2),
            separation=rng.uniform(3, 5),
            height=rng.uniform(0, 1.5),
        )
        for _ in range(60)
    ]


def any_well() -> DoubleWell:
    return all_wells()[RNG.integers(60)]


def any_landscape() -> Quadratic | DoubleWell | Rosenbrock:
    valley = Rosenbrock(RNG.uniform(0.5, 2), b=log_uniform(1, 200))
    return [any_bowl(), any_well(), valley][RNG.integers(3)]


def settings(count: int) -> Iterator[tuple[Quadratic, float, float, bool]]:
    """Bowls, rates, momenta and variants; every other rate is next to a border of some axis."""
    for i in range(count):
        bowl, momentum, nesterov = any_bowl(), any_momentum(), bool(RNG.integers(2))
        lr = theory.divergence_lr(bowl, momentum, nesterov=nesterov) * log_uniform(1e-4, 3)
        if i % 2:
            root, ratio = np.sqrt(momentum), (1 - momentum) / (1 + momentum)
            ends = [ratio**2, 1] if nesterov else [(1 - root) ** 2, (1 + root) ** 2]
            ends.append(theory.divergence_lr(Quadratic([1]), momentum, nesterov=nesterov))
            near = 1 + RNG.choice([-4e-9, 4e-9])  # closer than what the spoiled ones are off by
            lr = max(float(RNG.choice(ends) / RNG.choice(bowl.eigenvalues) * near), 1e-6)
        yield bowl, lr, momentum, nesterov


def expected_phase(bowl: Quadratic, lr: float, momentum: float, nesterov: bool) -> str:
    """What `lrlab.theory.plane` measures, from the factors and the kinds of motion."""
    factor = theory.convergence_factor(bowl, lr, momentum, nesterov=nesterov)
    slow, fast, swinging, divergent = theory.PHASES
    if factor > 1 + 1e-9:
        return divergent
    best = theory.best_tuning(bowl, nesterov=nesterov).factor
    if best and 2 * np.log(factor) <= np.log(best):
        return fast
    axis = max(
        bowl.eigenvalues,
        key=lambda each: theory.spectral_radius(each, lr, momentum, nesterov=nesterov),
    )
    creeps = theory.regime(axis, lr, momentum, nesterov=nesterov) == "monotone"
    return slow if creeps else swinging


def points_of(function: Callable[[Any, Any], Any], count: int = 2_000) -> Formula:
    """A formula of a landscape and a point."""
    cases, ours = [], []
    for _ in range(count):
        landscape = any_landscape()
        w = RNG.normal(0, 2, landscape.dimension)
        cases.append([landscape.to_config(), w.tolist()])
        ours.append(function(landscape, w))
    return Formula(cases, ours)


def settings_of(
    function: Callable[..., Any], *, axis: bool = False, rate: bool = True, count: int = 2_000
) -> Formula:
    """A formula of a bowl or an axis, perhaps a rate, a momentum and the variant."""
    cases, ours = [], []
    for bowl, lr, momentum, nesterov in settings(count):
        numbers = [lr, momentum] if rate else [momentum]
        first = bowl.eigenvalues[0] if axis else bowl
        cases.append([first if axis else bowl.to_config(), *numbers, nesterov])
        ours.append(function(first, *numbers, nesterov=nesterov))
    return Formula(cases, ours)


def turning_points() -> Formula:
    ours = [[w.sharp_minimum[0], w.barrier[0], w.flat_minimum[0]] for w in all_wells()]
    return Formula([[well.to_config()] for well in all_wells()], ours)


def curvature() -> Formula:
    pairs = [(any_well(), float(RNG.uniform(-3, 3))) for _ in range(3_000)]
    return Formula(
        [[well.to_config(), w] for well, w in pairs], [well.curvature([w])[0] for well, w in pairs]
    )


def curvatures_at_the_minimum() -> Formula:
    def ours(landscape: Any) -> Any:
        if isinstance(landscape, Quadratic):
            return landscape.eigenvalues
        if isinstance(landscape, DoubleWell):
            return landscape.curvature(landscape.minimum)
        return np.linalg.eigvalsh(landscape.hessian(landscape.minimum))

    made = [any_landscape() for _ in range(500)]
    return Formula([[one.to_config()] for one in made], [ours(one) for one in made])


def minimum() -> Formula:
    made = [any_landscape() for _ in range(500)]
    return Formula([[one.to_config()] for one in made], [one.minimum for one in made])


def along_axes() -> Formula:
    bowls = [any_bowl() for _ in range(500)]
    places = [RNG.normal(size=bowl.dimension) for bowl in bowls]
    pairs = list(zip(bowls, places, strict=True))
    return Formula(
        [[b.to_config(), w.tolist()] for b, w in pairs], [b.axes.T @ w for b, w in pairs]
    )


def descents() -> Formula:
    """Descents of all kinds under noise. Beyond the border two wells are chaotic: not there."""
    cases, ours = [], []
    for seed in range(200):
        landscape, beta, sigma = any_landscape(), any_momentum(), float(RNG.choice([0, 0.3]))
        rule = Momentum(momentum=beta, nesterov=bool(beta and RNG.integers(2)))
        limit = {"Quadratic": 1.5, "DoubleWell": 0.02, "Rosenbrock": 1e-5}
        lr = log_uniform(0.01, 1) * limit[type(landscape).__name__]
        if isinstance(landscape, Quadratic):
            lr /= max(landscape.eigenvalues)
        start = RNG.normal(0, 2, landscape.dimension)
        noise = sigma * np.random.default_rng(seed).standard_normal((STEPS, landscape.dimension))
        noisy = Noisy(landscape, sigma=sigma)
        path = descend(noisy, rule if seed % 4 else SGD(), Constant(lr), start, STEPS, seed=seed)
        config = (rule if seed % 4 else SGD()).to_config()
        cases.append([landscape.to_config(), config, lr, start.tolist(), STEPS, noise.tolist()])
        ours.append({"w": path.w, "loss": path.loss, "stopped": path.diverged})
    return Formula(cases, ours)


def noise_floor() -> Formula:
    cases, ours = [], []
    for bowl, lr, momentum, nesterov in settings(2_000):
        noisy = Noisy(bowl, sigma=log_uniform(0.01, 10))
        cases.append([noisy.to_config(), lr, momentum, nesterov])
        ours.append(theory.noise_floor(noisy, lr, momentum, nesterov=nesterov))
    return Formula(cases, ours)


def expected_losses() -> Formula:
    cases, ours = [], []
    for bowl, lr, momentum, nesterov in settings(300):
        noisy, start = Noisy(bowl, sigma=0.5), RNG.normal(0, 2, bowl.dimension)
        rates = [
            min(lr, 3 / max(bowl.eigenvalues)) * float(RNG.uniform(0, 1)) for _ in range(STEPS)
        ]
        cases.append([noisy.to_config(), rates, start.tolist(), momentum, nesterov])
        ours.append(theory.expected_losses(noisy, rates, start, momentum, nesterov=nesterov))
    return Formula(cases, ours)


def best_constant_lr() -> Formula:
    bowls = [any_bowl() for _ in range(2_000)]
    return Formula([[b.to_config()] for b in bowls], [theory.best_constant_lr(b) for b in bowls])


def best_tuning() -> Formula:
    cases, ours = [], []
    for bowl, _, _, nesterov in settings(2_000):
        cases.append([bowl.to_config(), nesterov])
        ours.append(theory.best_tuning(bowl, nesterov=nesterov)._asdict())
    return Formula(cases, ours)


FORMULAS: dict[str, Callable[[], Formula]] = {
    "landscapes.loss": lambda: points_of(lambda landscape, w: landscape.loss(w)),
    "landscapes.grad": lambda: points_of(lambda landscape, w: landscape.grad(w)),
    "landscapes.minimum": minimum,
    "landscapes.curvatures": curvatures_at_the_minimum,
    "landscapes.curvature": curvature,
    "landscapes.turningPoints": turning_points,
    "landscapes.alongAxes": along_axes,
    "landscapes.descend": descents,
    "theory.spectralRadius": lambda: settings_of(theory.spectral_radius, axis=True),
    "theory.regime": lambda: settings_of(theory.regime, axis=True),
    "theory.convergenceFactor": lambda: settings_of(theory.convergence_factor),
    "theory.divergenceLr": lambda: settings_of(theory.divergence_lr, rate=False),
    "theory.bestConstantLr": best_constant_lr,
    "theory.bestTuning": best_tuning,
    "theory.phase": lambda: settings_of(
        lambda bowl, lr, beta, *, nesterov: expected_phase(bowl, lr, beta, nesterov)
    ),
    "theory.noiseFloor": noise_floor,
    "theory.expectedLosses": expected_losses,
}


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("formulas")
    with formulas(chromium, folder, "landscapes", "theory") as page:
        yield page


def unlike(theirs: Any, ours: Any) -> float:
    """The largest difference of two results, over 1e-9 of the point, the matrix row or the number.

    A coordinate that passes 0 is known no better than the point that it is part of.
    """
    if isinstance(ours, dict):
        assert theirs.keys() == ours.keys()
        return max(unlike(theirs[key], ours[key]) for key in ours)
    if isinstance(ours, str | bool):
        return 0.0 if theirs == ours else np.inf
    a, b = np.array(theirs, dtype=float), np.array(ours, dtype=float)
    assert a.shape == b.shape
    if np.array_equal(a, b):  # infinite, perhaps
        return 0.0
    size = np.linalg.norm(b, axis=-1, keepdims=True) if b.ndim else np.abs(b)
    off = np.max(np.abs(a - b) / (1e-9 * size + 1e-300))
    return float(np.nan_to_num(off, nan=np.inf))  # `max` of Python passes over nan


def ask(page: Page, path: str, cases: list[Any], spoil: bool = False) -> list[Any]:
    return json.loads(page.evaluate(ASK, [path, json.dumps(cases), spoil]))


@pytest.mark.parametrize("path", FORMULAS)
def test_each_formula_gives_the_numbers_of_lrlab(page: Page, path: str) -> None:
    RNG.bit_generator.state = FIRST  # the same numbers, whichever tests run
    cases, ours = FORMULAS[path]()
    assert len(cases) > 50
    assert max(map(unlike, ask(page, path, cases), ours)) <= 1
    spoiled = max(map(unlike, ask(page, path, cases, spoil=True), ours))
    assert spoiled > 1, "an error of a hundred-millionth is not noticed"


def test_every_formula_is_compared(page: Page) -> None:
    rooms = page.evaluate(
        "['landscapes', 'theory'].flatMap((room) =>"
        " Object.keys(lrlab[room]).map((name) => `${room}.${name}`))"
    )
    assert set(rooms) == {*FORMULAS, "landscapes.level", "theory.borders"}


def test_a_level_line_has_its_loss_everywhere(page: Page) -> None:
    for landscape in (Quadratic([1, 400], angle=0.3), Quadratic([5, 1]), Rosenbrock(1.5, b=30)):
        for height in (0.01, 3.0, 500.0):
            cases = [[landscape.to_config(), height]]
            (points,) = ask(page, "landscapes.level", cases)
            assert np.asarray(landscape.loss(points)) == pytest.approx(height, rel=1e-9)
            left_and_below, right_and_above = np.min(points, axis=0), np.max(points, axis=0)
            assert np.all(left_and_below < landscape.minimum)
            assert np.all(right_and_above > landscape.minimum)


def test_the_borders_are_where_the_motion_changes(page: Page) -> None:
    for nesterov in (False, True):
        for momentum in (0.1, 0.5, 0.99):
            (ends,) = ask(page, "theory.borders", [[momentum, nesterov]])
            for end, names in zip(ends, pairwise(theory.REGIMES), strict=True):
                sides = np.array([end * (1 - 1e-9), end * (1 + 1e-9)])
                assert (*theory.regime(1, sides, momentum, nesterov=nesterov),) == names


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_phases_are_those_that_descents_show(page: Page, nesterov: bool) -> None:
    """Theory knows the long run, a measurement 3,000 steps: they differ at the borders alone."""
    bowl = Quadratic([1, 25])
    lrs, momenta = np.linspace(0.001, 0.16, 40), np.linspace(0, 0.98, 40)
    measured = theory.plane(bowl, lrs, momenta, steps=3_000, nesterov=nesterov).phase
    cases = [[bowl.to_config(), lr, beta, nesterov] for beta in momenta for lr in lrs]
    told = ask(page, "theory.phase", cases)
    assert set(told) == set(theory.PHASES)
    assert np.mean(np.reshape(told, measured.shape) == measured) > 0.99


def test_a_descent_ends_where_a_number_overflows(page: Page) -> None:
    bowl = Quadratic([1, 9])
    path = descend(bowl, SGD(), Constant(0.3), [1.0, 1.0], 10_000)
    cases = [[bowl.to_config(), SGD().to_config(), 0.3, [1, 1], 10_000]]
    (told,) = ask(page, "landscapes.descend", cases)
    assert (len(told["w"]), told["stopped"]) == (len(path.w), True)


@pytest.mark.parametrize(
    ("path", "args", "message"),
    [
        ("landscapes.loss", [{"class": "constructor"}, [1]], "no landscape constructor"),
        (
            "landscapes.descend",
            [Quadratic([1]).to_config(), Momentum(dampening=0.5).to_config(), 0.1, [1], 1],
            "dampening and weight decay are not known here",
        ),
        (
            "theory.noiseFloor",
            [Noisy(Quadratic([1]), covariance=[[1]]).to_config(), 0.1],
            "noise must have one sigma",
        ),
    ],
)
def test_what_is_not_known_is_refused(page: Page, path: str, args: list, message: str) -> None:
    with pytest.raises(Error, match=message):
        ask(page, path, [args])
