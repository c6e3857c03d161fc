"""Lion: by hand, and what is said of it."""

import numpy as np
import pytest

from lrlab.optimizers.lion import Lion
from tests.support.optimizer_samples import GRADS, LRS, W, follow


def test_by_hand() -> None:
    # Gradients 8, −1, 0, −9: the memory outweighs the second, and leads where the third is 0.
    optimizer = Lion(beta1=0.5, beta2=0.75)
    path, state = follow(optimizer, 1.0, [8.0, -1.0, 0.0, -9.0], [0.5, 0.25, 0.5, 1.0])
    assert path.tolist() == [1, 0.5, 0.25, -0.25, 0.75]
    assert state.m == ((8 * 0.25 * 0.75 - 0.25) * 0.75) * 0.75 - 9 * 0.25


def test_it_is_a_sign_of_a_sum_over_all_gradients() -> None:
    path, state = follow(Lion(beta1=0.7, beta2=0.9, weight_decay=0.3), W, GRADS, LRS)
    for t in range(1, 21):
        age = np.arange(t - 1)[::-1, None, None]
        m = (0.1 * 0.9**age * GRADS[: t - 1]).sum(0)
        direction = np.sign(0.7 * m + 0.3 * GRADS[t - 1])
        before = path[t - 1]
        expected = before - LRS[t - 1] * (direction + 0.3 * before)
        assert path[t] == pytest.approx(expected, rel=1e-12)
    assert state.m == pytest.approx(0.9 * m + 0.1 * GRADS[-1], rel=1e-12)


def test_the_size_of_the_gradient_does_not_matter() -> None:
    path, _ = follow(Lion(), W, GRADS, LRS)
    assert follow(Lion(), W, GRADS * 2.0**-40, LRS)[0].tolist() == path.tolist()
    assert np.abs(np.diff(path, axis=0)) == pytest.approx(
        np.broadcast_to(LRS[:, None, None], GRADS.shape)
    )


def test_what_no_gradient_has_reached_stays() -> None:
    path, _ = follow(Lion(), np.ones(2), [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [0.25] * 3)
    assert path[-1].tolist() == [1, 0.25]
