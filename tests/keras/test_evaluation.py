"""Members of an ensemble from a folder: their outputs, one model at a time, what does not fit."""

import shutil
import weakref

import keras
import numpy as np
import pytest

from lrlab.ensembles import Ensemble
from lrlab.keras import evaluation as members
from lrlab.keras.evaluation import member_logits
from lrlab.keras.snapshots import load_snapshot
from lrlab.training import SnapshotError

# Keras 3.15 converts what it saves in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IMAGES = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


def save(folder, number, *, inputs=(4,), classes=3, seed=0, layers=()):
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input(inputs), keras.layers.Dense(classes), *layers])
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))
    model.save(folder / f"snapshot-{number}.keras")
    return model


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path, number, seed=number)
    return tmp_path


def by_hand(path):
    kernel, bias = (v.numpy().astype(float) for v in load_snapshot(path).weights)
    return IMAGES @ kernel + bias


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_outputs_are_those_of_the_snapshots_in_their_order(folder, batch_size):
    found = list(member_logits(folder, IMAGES, batch_size=batch_size))
    paths = [folder / f"snapshot-{number}.keras" for number in (1, 2, 3)]
    for logits, path in zip(found, paths, strict=True):
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, by_hand(path), rtol=1e-5, atol=1e-6)
    assert Ensemble(iter(found), labels=[0] * 7, kind="logits").members.shape == (3, 7, 3)


def test_a_batch_has_the_size_asked_for_and_no_dropout(tmp_path):
    class Sizes(keras.layers.Layer):
        def call(self, inputs):
            sizes.append(inputs.shape[0])
            return inputs

    sizes = []
    with keras.saving.custom_object_scope({"Sizes": Sizes}):
        save(tmp_path, 1, layers=[Sizes(), keras.layers.Dropout(0.9)])
        sizes.clear()
        (logits,) = member_logits(tmp_path, IMAGES, batch_size=3)
    assert sizes[-3:] == [3, 3, 1]
    assert (logits != 0).all()


def test_one_member_at_a_time_is_in_memory(folder, monkeypatch):
    loaded, alive = [], []

    def spy(path):
        alive.append(sum(reference() is not None for reference in loaded))
        model = load_snapshot(path)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(members, "load_snapshot", spy)
    outputs = member_logits(folder, IMAGES)
    assert loaded == []  # nor is one before it is asked for
    for count, _ in enumerate(outputs, start=1):
        assert len(loaded) == count
        assert loaded[-1]() is None
    assert alive == [0, 0, 0]


# --- what does not fit ---------------------------------------------------------------------------


def test_a_folder_without_snapshots_is_refused_at_once(tmp_path):
    with pytest.raises(SnapshotError, match=r"holds no file snapshot-K\.keras"):
        member_logits(tmp_path, IMAGES)
    with pytest.raises(SnapshotError, match="none is not a folder"):
        member_logits(tmp_path / "none", IMAGES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive integer, received 0"),
        ({"images": IMAGES[:0]}, "images must be one or more, received none"),
    ],
    ids=["batch_size", "images"],
)
def test_arguments_that_break_a_rule_are_named_at_once(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        member_logits(folder, **{"images": IMAGES} | changes)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"classes": 5}, r"snapshot-2\.keras has 5 classes and .*snapshot-1\.keras has 3, so they"),
        ({"inputs": (6,)}, r"snapshot-2\.keras takes images of shape \(6,\), received .* \(4,\)$"),
        ({"inputs": (2, 4)}, r"snapshot-2\.keras takes images of shape \(2, 4\), received"),
        (
            {"layers": [keras.layers.Reshape((3, 1))]},
            r"snapshot-2\.keras must give logits of shape \(N, classes\), gives shape \(7, 3, 1\)",
        ),
    ],
    ids=["classes", "inputs", "rank", "outputs"],
)
def test_members_that_do_not_belong_together_are_named(folder, other, message):
    save(folder, 2, **other)
    outputs = member_logits(folder, IMAGES)
    assert next(outputs).shape == (7, 3)
    with pytest.raises(SnapshotError, match=message):
        next(outputs)


def test_a_damaged_member_is_named(folder):
    path = folder / "snapshot-2.keras"
    path.write_bytes(path.read_bytes()[:-100])
    outputs = member_logits(folder, IMAGES)
    next(outputs)
    with pytest.raises(SnapshotError, match=r"snapshot-2\.keras is damaged"):
        next(outputs)


def test_an_input_of_any_length_admits_every_image(tmp_path):
    layers = [keras.Input((None, 4)), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    keras.Sequential(layers).save(tmp_path / "snapshot-1.keras")
    shutil.copy(tmp_path / "snapshot-1.keras", tmp_path / "snapshot-2.keras")
    for length in (2, 5):
        first, second = member_logits(tmp_path, np.ones((7, length, 4), np.float32))
        np.testing.assert_array_equal(first, second)
    with pytest.raises(SnapshotError, match=r"takes images of shape \(None, 4\), .* \(2, 5\)"):
        next(member_logits(tmp_path, np.ones((7, 2, 5), np.float32)))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model that does not say which inputs it takes."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_subclassed_model_is_a_member_as_well(tmp_path):
    model = Subclassed()
    expected = np.asarray(model(IMAGES))
    model.save(tmp_path / "snapshot-1.keras")
    (logits,) = member_logits(tmp_path, IMAGES)
    np.testing.assert_array_equal(logits, expected)
