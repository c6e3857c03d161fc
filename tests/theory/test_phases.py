"""Planes of rate and momentum: against the closed forms, and against descents one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes import Quadratic, descend
from lrlab.optimizers import Momentum
from lrlab.schedules import Constant
from lrlab.theory.momentum import best_tuning, convergence_factor, divergence_lr, regime
from lrlab.theory.phases import PHASES, STRIDE, plane
from tests.support.strategies import examples

BOWL = Quadratic([1, 9])
both_variants = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy ball", "Nesterov"])


@both_variants
@given(st.floats(1, 100), st.integers(0, 2**32 - 1))
@examples(10)
def test_factors_are_the_closed_forms_within_a_percent(nesterov, condition, seed) -> None:
    bowl = Quadratic.with_condition(condition, dimension=3)
    rng = np.random.default_rng(seed)
    lrs = np.sort(rng.uniform(0.01, 4.2, 20)) / condition
    momenta = rng.uniform(0, 0.97, 15)
    found = plane(bowl, lrs, momenta, nesterov=nesterov)
    theory = convergence_factor(bowl, lrs, momenta[:, np.newaxis], nesterov=nesterov)
    assert found.factor == pytest.approx(theory, rel=0.011)
    assert (found.factor.shape, found.phase.shape) == ((15, 20), (15, 20))
    assert (found.lrs.tolist(), found.momenta.tolist()) == (lrs.tolist(), momenta.tolist())
    assert (found.bowl, found.nesterov) == (bowl, nesterov)


@both_variants
def test_more_steps_come_nearer(nesterov) -> None:
    lrs, momenta = np.linspace(0.02, 0.2, 20), np.linspace(0, 0.95, 20)
    theory = convergence_factor(BOWL, lrs, momenta[:, np.newaxis], nesterov=nesterov)
    off = [
        np.abs(np.log(plane(BOWL, lrs, momenta, steps=n, nesterov=nesterov).factor / theory)).mean()
        for n in (50, 5_000)
    ]
    assert off[1] < off[0] / 5


@both_variants
@pytest.mark.parametrize(("lr", "momentum"), [(0.05, 0.0), (0.1, 0.8), (0.15, 0.3), (0.2, 0.5)])
def test_a_cell_is_a_descent(nesterov, lr, momentum) -> None:
    optimizer = Momentum(momentum=momentum, nesterov=nesterov and momentum > 0)
    path = descend(BOWL, optimizer, Constant(lr), [1, 1], 400)
    found = plane(BOWL, [lr], [momentum], steps=400, nesterov=optimizer.nesterov)
    steps = np.arange(200, 400)
    slope = np.polyfit(steps, np.log(path.distance[steps]), 1)[0]
    assert found.factor[0, 0] == pytest.approx(math.exp(slope), rel=0.01)
    assert (found.phase[0, 0] == "divergent") == (path.distance[-1] > path.distance[0])


@both_variants
@pytest.mark.parametrize("steps", [10, 23])
def test_the_slope_is_that_of_a_line_through_the_second_half(nesterov, steps) -> None:
    lr, momentum, curvatures = 0.07, 0.6, np.array(BOWL.eigenvalues)
    u, velocity, sizes = np.ones(2), np.zeros(2), []
    for _ in range(steps):
        velocity = momentum * velocity + curvatures * u
        ahead = curvatures * u + momentum * velocity
        move = lr * (ahead if nesterov else velocity)
        u = u - move
        sizes.append(np.log(np.linalg.norm([u, move])))
    places = np.arange(steps // 2, steps, STRIDE)
    assert 1 < len(places) < steps / 2
    slope = np.polyfit(places, np.array(sizes)[places], 1)[0]
    found = plane(BOWL, [0, lr], [0, momentum], steps=steps, nesterov=nesterov)
    assert np.log(found.factor[1, 1]) == pytest.approx(slope, rel=1e-9)


@both_variants
def test_phases_follow_their_definition(nesterov) -> None:
    """The oracle is the closed form, well inside each phase."""
    bowl = Quadratic([1, 25])
    lrs, momenta = np.linspace(0.001, 0.17, 35), np.linspace(0, 0.97, 35)
    found = plane(bowl, lrs, momenta, nesterov=nesterov)
    theory = convergence_factor(bowl, lrs, momenta[:, np.newaxis], nesterov=nesterov)
    best = best_tuning(bowl, nesterov=nesterov).factor
    share = np.log(best) / np.log(theory)  # steps, in those of the best
    seen = set()
    for (i, j), phase in np.ndenumerate(found.phase):
        kinds = [regime(x, lrs[j], momenta[i], nesterov=nesterov) for x in bowl.eigenvalues]
        if theory[i, j] > 1.01:
            assert phase == "divergent"
        elif theory[i, j] < 0.99 and 0 < share[i, j] < 1.95:
            assert phase == "fast"
        elif theory[i, j] < 0.99 and share[i, j] > 2.05:
            assert phase in ("slow", "swinging")
            if "alternating" not in kinds and kinds[0] == "monotone":
                assert phase == "slow"  # the floor of the valley decides
            if lrs[j] > 0.97 * divergence_lr(bowl, momenta[i], nesterov=nesterov):
                assert phase == "swinging"
        seen.add(phase)
    assert seen == set(PHASES)


def test_phases_on_one_axis_by_hand() -> None:
    """Without momentum a step multiplies by 1 − 2η, and the best rate, 0.5, by 0."""
    found = plane(Quadratic([2, 2]), [0, 0.1, 0.49, 0.5, 0.7, 0.999, 1.001], [0], steps=10)
    assert found.phase[0].tolist() == [
        "slow", "slow", "slow", "slow", "swinging", "swinging", "divergent",
    ]  # fmt: skip
    assert found.factor[0, 1] == pytest.approx(0.8)
    assert found.factor[0, 0] == 1


def test_patience_is_counted_in_steps_of_the_best() -> None:
    bowl = Quadratic([1, 9])  # at best 0.5, at momentum 0.25
    lrs = [1 - 0.5**0.5 + 0.01, 1 - 0.5**0.5 - 0.01]  # on one axis: slightly less than two times
    narrow = Quadratic([1, 1.000001])
    assert plane(bowl, [0.25], [0.25], patience=1.1).phase == "fast"
    wide = [plane(bowl, [0.2], [0], patience=x).phase[0, 0] for x in (3, 3.2)]
    assert math.log(0.5) / math.log(0.8) == pytest.approx(3.106, abs=1e-3)
    assert wide == ["swinging", "fast"]
    assert plane(narrow, lrs, [0]).phase.tolist() == [["slow", "slow"]], "the best is at once there"


def test_nothing_overflows_or_vanishes() -> None:
    found = plane(Quadratic([1e-3, 1e3]), [1e-9, 1e-3, 1.0, 1e6], [0, 0.5, 0.999], steps=3_000)
    assert np.isfinite(found.factor).all()
    assert (found.factor[:, 3] > 1e8).all()
    assert (found.phase[:, 3] == "divergent").all()


GRID = {"lrs": [0.1], "momenta": [0.5]}
REFUSED = [
    ({"lrs": []}, "lrs and momenta must hold one value or more"),
    ({"momenta": []}, "lrs and momenta must hold one value or more"),
    ({"lrs": [0.1, -1]}, r"lrs\[1\] must be .* of at least 0, received -1"),
    ({"momenta": [1]}, r"momenta\[0\] must be .* in \[0, 1\), received 1"),
    ({"steps": 9}, "steps must be an integer of at least 10, received 9"),
    ({"steps": 10.5}, "steps must be a positive integer, received 10.5"),
    ({"patience": 0.9}, "patience must be .* at least 1, received 0.9"),
    ({"nesterov": 1}, "nesterov must be True or False, received 1"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        plane(BOWL, **{**GRID, **change})
    with pytest.raises(ValueError, match="bowl must be a Quadratic, received 3"):
        plane(3, **GRID)
