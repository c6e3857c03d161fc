"""The two wells: against their formula with 60 digits, and by their numbers."""

import math
from decimal import Decimal, localcontext
from types import SimpleNamespace

import numpy as np
import pytest

from lrlab.landscapes.double_well import DoubleWell

WELLS = [
    DoubleWell(),
    DoubleWell(40, flat=2, separation=3, height=0),
    DoubleWell(16, flat=1, separation=3, height=0.5),
    DoubleWell(300, flat=0.2, separation=10, height=3),
]
every_well = pytest.mark.parametrize("well", WELLS, ids=str)


def exact(well: DoubleWell, w: float) -> SimpleNamespace:
    """Loss and slope with 60 digits, from the formula as it is written."""
    with localcontext(prec=60):
        a, b, s, h = (Decimal(x) for x in (well.sharp, well.flat, well.separation, well.height))
        x = Decimal(w)
        p, q = h + a / 2 * (x + s / 2) ** 2, b / 2 * (x - s / 2) ** 2
        total = (-p).exp() + (-q).exp()
        slope = ((-p).exp() * a * (x + s / 2) + (-q).exp() * b * (x - s / 2)) / total
        return SimpleNamespace(loss=-total.ln(), slope=slope)


@every_well
def test_wells_follow_their_formula(well) -> None:
    for w in np.linspace(-6, 6, 41):
        expected = exact(well, w)
        assert well.loss([w]) == pytest.approx(float(expected.loss), rel=1e-12, abs=1e-14)
        assert well.grad([w])[0] == pytest.approx(float(expected.slope), rel=1e-9, abs=1e-12)


@every_well
def test_minima_and_barrier_are_exact_to_the_last_bits(well) -> None:
    for place, sign in ((well.sharp_minimum, 1), (well.barrier, -1), (well.flat_minimum, 1)):
        assert place.shape == (1,)
        few_bits = 4 * np.spacing(np.abs(place[0]))
        assert sign * exact(well, place[0] - few_bits).slope < 0
        assert sign * exact(well, place[0] + few_bits).slope > 0
    assert well.sharp_minimum < well.barrier < well.flat_minimum


@every_well
def test_one_minimum_is_sharp_and_the_other_lower(well) -> None:
    places = (well.sharp_minimum, well.barrier, well.flat_minimum)
    sharp, barrier, flat = (float(well.curvature(place)[0]) for place in places)
    assert 2 / sharp < 2 / flat
    assert barrier < 0
    losses = [well.loss(place) for place in places]
    assert losses[1] > max(losses[0], losses[2])
    assert well.loss(well.minimum) == min(losses)
    if well.height:
        assert well.minimum.tolist() == well.flat_minimum.tolist()


def test_the_default_wells_by_their_numbers() -> None:
    well = DoubleWell()
    assert well.curvature(well.sharp_minimum)[0] == pytest.approx(20, rel=2e-3)
    assert well.curvature(well.flat_minimum)[0] == pytest.approx(1, rel=1e-6)
    assert well.loss(well.sharp_minimum) == pytest.approx(1, abs=1e-3)
    assert well.loss(well.flat_minimum) == pytest.approx(0, abs=1e-6)
    assert well.loss(well.barrier) == pytest.approx(5.05, abs=0.01)


def test_at_equal_heights_the_lower_minimum_is_computed() -> None:
    well = DoubleWell(height=0)  # where parabolas overlap, their sum lies lower than either
    assert well.minimum.tolist() == well.sharp_minimum.tolist()
    assert well.loss(well.sharp_minimum) < well.loss(well.flat_minimum)


REFUSED = [
    (lambda: DoubleWell(0), "sharp must be .* greater than 0, received 0"),
    (lambda: DoubleWell(flat=-1), "flat must be .* greater than 0, received -1"),
    (lambda: DoubleWell(separation=math.nan), "separation must be a finite .* nan"),
    (lambda: DoubleWell(height=-1), "height must be .* of at least 0, received -1"),
    (lambda: DoubleWell(separation=0.5), "separation must leave two minima, .* 0.5 in Double"),
    (lambda: DoubleWell(height=9), "separation must leave two minima, .* height=9"),
    (lambda: DoubleWell(1, flat=20), "two minima, the left one sharper"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
