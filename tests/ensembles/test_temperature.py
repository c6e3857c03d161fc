"""One temperature: against a search over many, and where none is the best."""

import numpy as np
import pytest

from lrlab.ensembles import Ensemble, calibrate, fit_temperature, score
from tests.support.members import softmax

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(400, 5)) * 2
LABELS = np.array([RNG.choice(5, p=row) for row in softmax(LOGITS)])


def log_loss(logits, temperature):
    return score(softmax(logits / temperature), LABELS).log_loss


@pytest.mark.parametrize("factor", [0.2, 1.0, 4.0])
def test_no_other_temperature_has_a_lower_loss(factor):
    found = fit_temperature(LOGITS * factor, LABELS)
    assert found == pytest.approx(factor, rel=0.2), "labels are drawn from the logits as they were"
    losses = [log_loss(LOGITS * factor, found * step) for step in (0.99, 0.999, 1, 1.001, 1.01)]
    assert np.argmin(losses) == 2
    assert losses[0] > losses[1] > losses[2] < losses[3] < losses[4]


def test_it_grows_with_the_logits_and_does_not_see_what_a_row_has_in_common():
    one = fit_temperature(LOGITS, LABELS)
    assert fit_temperature(LOGITS * 3, LABELS) == pytest.approx(3 * one)
    moved = LOGITS + RNG.normal(size=(400, 1)) * 1e4
    assert fit_temperature(moved, LABELS) == pytest.approx(one, rel=1e-6)


def test_logits_that_know_less_than_nothing_and_such_that_are_always_right():
    assert fit_temperature(np.eye(3), np.array([1, 2, 0])) == 100
    assert fit_temperature(np.eye(3), np.array([0, 1, 2])) == 0.01
    assert fit_temperature(np.zeros((3, 3)), np.array([0, 1, 2])) == 100, "none matters"


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_members_are_averaged_first_and_then_calibrated_by_the_others(kind):
    members = RNG.normal(size=(3, 400, 5)) + LOGITS
    outputs = members if kind == "logits" else np.array([softmax(z) for z in members])
    parts = [slice(0, 150), slice(150, 400)]
    test, validation = (Ensemble(outputs[:, part], LABELS[part], kind) for part in parts)
    mean = np.mean([softmax(z) for z in members], axis=0)
    powers = np.linspace(0.1, 5, 4_901)
    losses = [
        -np.log(
            (mean[150:] ** p / (mean[150:] ** p).sum(1, keepdims=True))[range(250), LABELS[150:]]
        ).mean()
        for p in powers
    ]
    best = powers[np.argmin(losses)]
    found = calibrate(test, validation, bins=4)
    assert 1 / found.temperature == pytest.approx(best, abs=1e-3)
    tempered = mean[:150] ** (1 / found.temperature)
    expected = score(tempered / tempered.sum(1, keepdims=True), LABELS[:150], bins=4)
    assert found[1:] == pytest.approx(expected[1:], rel=1e-9)


def test_a_probability_of_nothing_is_survived():
    sure = Ensemble([[[1.0, 0.0], [1.0, 0.0]]], [0, 1], "probabilities")
    assert np.isfinite(calibrate(sure, sure).log_loss)


@pytest.mark.parametrize(
    ("members", "received"), [(np.ones((2, 4, 5)), "2 and 5"), (np.ones((3, 4, 2)), "3 and 2")]
)
def test_it_refuses_other_members(members, received):
    test = Ensemble(np.ones((3, 7, 5)), [0] * 7, "logits")
    validation = Ensemble(members, [0] * 4, "logits")
    message = f"validation must have the 3 members and 5 classes of test, received {received}"
    with pytest.raises(ValueError, match=message):
        calibrate(test, validation)
    with pytest.raises(ValueError, match="bins must be a positive integer, received 0"):
        calibrate(test, test, bins=0)
