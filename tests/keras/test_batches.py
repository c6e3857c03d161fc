"""The order of the images: drawn from seed and epoch alone, each image once, also within `fit`."""

import itertools

import keras
import numpy as np
import pytest

from lrlab.keras.batches import ShuffledBatches

NUMBERS = np.arange(11)


def epochs(count, **arguments):
    """The numbers in the order in which so many epochs meet them, and the sizes of the batches."""
    batches = ShuffledBatches(NUMBERS, 2 * NUMBERS, **{"batch_size": 4} | arguments)
    orders, sizes = [], []
    for _ in range(count):
        batches.on_epoch_begin()
        parts = [batches[index] for index in range(len(batches))]
        batches.on_epoch_end()
        for images, labels in parts:
            np.testing.assert_array_equal(labels, 2 * images)
        orders.append(np.concatenate([images for images, _ in parts]).tolist())
        sizes.append([len(images) for images, _ in parts])
    return orders, sizes


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(4, [4, 4, 3]), (11, [11]), (10, [10, 1]), (1, [1] * 11), (99, [11])]
)
def test_every_epoch_meets_each_image_once(batch_size, sizes):
    orders, found = epochs(3, batch_size=batch_size)
    assert found == [sizes] * 3
    for order in orders:
        assert sorted(order) == NUMBERS.tolist() != order


@pytest.mark.parametrize("index", [3, 99, -1])
def test_a_batch_that_there_is_not_ends_a_loop_over_batches(index):
    # Before Keras 3.11 a loop over batches is Python's own, which asks until it meets this error.
    batches = ShuffledBatches(NUMBERS, NUMBERS, batch_size=4)
    with pytest.raises(IndexError, match=rf"index must be in \[0, 3\), received {index}"):
        batches[index]


def test_an_order_depends_on_seed_and_epoch_alone():
    orders, _ = epochs(6, seed=4)
    for first in range(6):
        assert epochs(6 - first, seed=4, initial_epoch=first)[0] == orders[first:]
    several = [*orders, *epochs(6, seed=5)[0]]
    assert all(one != two for one, two in itertools.combinations(several, 2))
    assert epochs(1, seed=4, batch_size=3)[0] == orders[:1]


class Recorder(keras.layers.Layer):
    """Keeps what a model is given."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.factor = self.add_weight(shape=(1,), initializer="ones")

    def call(self, inputs):
        self.seen.extend(np.asarray(inputs).ravel().astype(int).tolist())
        return inputs * self.factor


def fit(batch_size=4, **arguments):
    layer = Recorder()
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(0.0), loss="mse", run_eagerly=True)
    numbers = NUMBERS[:, None].astype(np.float32)
    model(numbers)
    layer.seen.clear()
    first = arguments.get("initial_epoch", 0)
    own = {"batch_size": batch_size, "seed": 4, "initial_epoch": first}
    batches = ShuffledBatches(numbers, numbers, **own)
    model.fit(batches, epochs=3, verbose=0, **arguments)
    return np.reshape(layer.seen, (-1, len(NUMBERS))).tolist()


def test_fit_meets_them_in_this_order():
    expected, _ = epochs(3, seed=4)
    assert fit(shuffle=False) == expected
    assert fit(shuffle=False, initial_epoch=1) == expected[1:]


def test_keras_shuffling_the_batches_on_top_is_an_error():
    with pytest.raises(
        Exception, match=r"shuffle must be False in fit, .* batch \d+ in the place of"
    ):
        fit(batch_size=1)  # its default is to shuffle; 11 batches hardly stay in order


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": NUMBERS[:-1]}, "labels must be as many as .* received 10 for 11 images"),
        ({"images": NUMBERS[:0], "labels": NUMBERS[:0]}, "one or more, received 0 for 0 images"),
        ({"batch_size": 0}, "batch_size must be a positive integer, received 0"),
        ({"seed": -1}, "seed must be an integer of at least 0, received -1"),
        ({"initial_epoch": 0.5}, "initial_epoch must be an integer of at least 0, received 0.5"),
    ],
    ids=str,
)
def test_arguments_that_break_a_rule_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        ShuffledBatches(**{"images": NUMBERS, "labels": NUMBERS} | changes)
