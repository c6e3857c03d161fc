"""Outputs and scores of networks and of members: one contract, against NumPy."""

import weakref

import numpy as np
import pytest

from lrlab.data import as_floats, load
from lrlab.ensembles import Ensemble
from lrlab.schedules import Constant
from lrlab.training import Recipe, SnapshotError, Snapshots, snapshot_paths
from tests.support.eager import quiet

DIGITS = load("digits", 60, test_limit=40)
pytestmark = [pytest.mark.usefixtures("eager"), quiet]


def by_hand(backend, network, images):
    """The logits of a linear network, in float64."""
    kernel = backend.weights(network).astype(np.float64)
    return as_floats(images).reshape(len(images), -1) @ kernel[:-1] + kernel[-1]


@pytest.mark.parametrize("batch", [7, 40, 1_000])
def test_logits_are_those_of_inference_batch_by_batch(backend, monkeypatch, batch):
    """Dropout would be seen."""
    monkeypatch.setattr(backend.evaluation, "EVALUATION_BATCH", batch)
    network = backend.linear(dropout=0.5)
    found = backend.logits(network, DIGITS.x_test)
    assert (found.dtype, found.shape) == (np.float32, (40, 10))
    expected = by_hand(backend, network, DIGITS.x_test)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_running_statistics_are_used_and_left_alone(backend):
    network = backend.stateful()
    before = backend.state(network)
    whole = backend.logits(network, DIGITS.x_test)
    np.testing.assert_allclose(
        backend.logits(network, DIGITS.x_test[:1]), whole[:1], rtol=1e-4, atol=1e-5
    )
    for one, other in zip(before, backend.state(network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_score_is_the_mean_over_the_test_images(backend, monkeypatch):
    monkeypatch.setattr(backend.evaluation, "EVALUATION_BATCH", 33)
    network = backend.linear(dropout=0.5)
    outputs = by_hand(backend, network, DIGITS.x_test)
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    loss, accuracy = backend.evaluate(network, DIGITS)
    assert loss == pytest.approx(-np.log(p[np.arange(40), DIGITS.y_test]).mean(), rel=1e-5)
    assert accuracy == pytest.approx((outputs.argmax(axis=1) == DIGITS.y_test).mean())
    assert 0 < accuracy < 1


def test_images_that_are_scaled_already_are_refused(backend):
    with pytest.raises(ValueError, match="images must be uint8, 0 to 255, received float32"):
        backend.logits(backend.linear(), as_floats(DIGITS.x_test))


# --- members -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paths(backend, eager, tmp_path_factory):
    """Three snapshots of one run."""
    recipe, folder = Recipe(Constant(0.1), epochs=3, batch_size=60), tmp_path_factory.mktemp("run")
    kept = Snapshots(folder, ends=(1, 2, 3))
    backend.fit(backend.linear(), DIGITS, recipe, snapshots=kept)
    return snapshot_paths(folder, backend.suffix)


def test_members_are_the_snapshots_in_their_order_one_at_a_time(backend, paths, monkeypatch):
    loaded, load_snapshot = [], backend.load_snapshot

    def spy(path, network):
        loaded.append((path, network))
        return load_snapshot(path, network)

    monkeypatch.setattr(backend.loads_members, "load_snapshot", spy)
    network = backend.linear(seed=9)
    outputs = backend.member_logits(iter(paths), network, DIGITS.x_test)
    assert loaded == []
    found = []
    for k in range(3):
        found.append(next(outputs))
        assert loaded == [(path, network) for path in paths[: k + 1]], "no sooner than asked for"
    assert next(outputs, None) is None
    for member, path in zip(found, paths, strict=True):
        own = load_snapshot(path, backend.linear(seed=8))
        expected = by_hand(backend, own, DIGITS.x_test)
        np.testing.assert_allclose(member, expected, rtol=1e-5, atol=1e-5)
    assert not np.allclose(found[0], found[2], rtol=1e-3)
    assert Ensemble(iter(found), DIGITS.y_test, "logits").members.shape == (3, 40, 10)


def test_outputs_are_not_kept(backend, paths):
    outputs = backend.member_logits(paths, backend.linear(), DIGITS.x_test)
    alive = weakref.ref(next(outputs))
    assert alive() is None


def test_a_member_that_cannot_be_used_is_named_when_its_turn_comes(backend, paths, tmp_path):
    broken = tmp_path / paths[1].name
    broken.touch()
    outputs = backend.member_logits([paths[0], broken], backend.linear(), DIGITS.x_test)
    next(outputs)
    with pytest.raises(SnapshotError, match=rf"{broken.name} is damaged"):
        next(outputs)
