"""The range test's rules on curves whose answer is known, and what its recorder plans and notes."""

from dataclasses import replace
from itertools import combinations, count, islice, pairwise

import numpy as np
import pytest

from lrlab import Constant, Geometric
from lrlab.optimizers import Adam
from lrlab.plateau import ReduceOnPlateau
from lrlab.training import RangeRecorder, RangeTest, Recipe, Watch

LOW, HIGH = 1e-6, 10.0
RULES = ("steepest", "minimum_tenth", "valley")


def rates(steps, low=LOW, high=HIGH):
    return low * (high / low) ** (np.arange(steps) / (steps - 1))


def curve(losses, *, steps=None, beta=0.0, lr=None, **more):
    steps = steps or len(losses)
    lr = rates(steps)[: len(losses)] if lr is None else lr
    return RangeTest(lr, losses, steps=steps, beta=beta, **more)


def noisy(seed, steps=60):
    """A fall between two levels, then a rise, with noise."""
    rng, x = np.random.default_rng(seed), np.log(rates(steps))
    fall = 2.3 - 1.5 / (1 + np.exp(-2 * (x - np.log(0.01))))
    return fall + np.exp(2 * (x - np.log(5))) + rng.normal(0, 0.05, steps)


# --- smoothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0, 0.5, 0.98])
def test_smoothed_is_a_mean_with_weights_that_fall_by_beta(beta):
    losses = np.random.default_rng(1).exponential(size=40)
    for k, smoothed in enumerate(curve(losses, beta=beta).smoothed):
        weights = float(beta) ** np.arange(k, -1, -1.0)
        assert smoothed == pytest.approx(weights @ losses[: k + 1] / weights.sum(), rel=1e-12)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.98])
def test_the_average_lags_by_as_many_updates_as_the_docstring_says(beta):
    losses = np.arange(1000.0)
    lag = losses[-1] - curve(losses, beta=beta, steps=1000).smoothed[-1]
    assert lag == pytest.approx(beta / (1 - beta), rel=1e-4)


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("center", [1e-3, 0.02, 0.7])
def test_steepest_is_the_middle_of_a_logistic_fall(center):
    x = np.log(rates(400))
    found = curve(2.3 - 1.5 / (1 + np.exp(-3 * (x - np.log(center)))))
    spacing = x[1] - x[0]
    assert abs(np.log(found.steepest() / center)) <= spacing / 2 * (1 + 1e-9)


def test_steepest_is_a_slope_over_the_logarithm_of_the_rate():
    """On rates that are not spaced evenly, differences of losses alone would mislead."""
    lr = [0.1 * 1.01**k for k in range(10)] + [1, 10, 100, 1000, 1e4]
    losses = [5 - 0.02 * k for k in range(10)] + [4.5, 4.2, 3.9, 3.6, 3.3]
    assert curve(losses, lr=lr).steepest() < 0.2


def test_steepest_leaves_out_the_first_tenth_of_the_planned_updates():
    losses = np.full(100, 2.0)
    losses[:9] = np.linspace(90, 10, 9)
    losses[50:] = 1.9
    assert curve(losses).steepest() == pytest.approx(rates(100)[49], rel=0.2)
    # 40 of 100 were measured: their first tenth ends before the 9th.
    with pytest.raises(ValueError, match="never falls"):
        curve(losses[:40], steps=100).steepest()


def test_steepest_does_not_look_beyond_the_minimum():
    losses = 2.3 - 1.5 / (1 + np.exp(-3 * (np.log(rates(100)) - np.log(0.01))))
    quiet = curve(losses).steepest()
    losses[80:] += np.tile([0.5, 9.0, 5.0, 1.0], 5)  # spikes, from which the loss comes back
    assert curve(losses).steepest() == quiet
    losses[79] = 0.1  # the minimum itself counts: nothing falls faster than into it
    assert curve(losses).steepest() == rates(100)[78]


def test_minimum_tenth_of_a_parabola():
    x = np.log(rates(400))
    found = curve(1 + (x - np.log(0.3)) ** 2)
    assert found.minimum_tenth() == pytest.approx(0.03, rel=x[1] - x[0])


def longest_falls(losses):
    """By trying all: the length of the longest falling subsequences, and their first end."""
    for length in range(len(losses), 0, -1):
        falling = [
            chosen[-1]
            for chosen in combinations(range(len(losses)), length)
            if all(losses[a] > losses[b] for a, b in pairwise(chosen))
        ]
        if falling:
            return length, min(falling)
    raise AssertionError


@pytest.mark.parametrize("seed", range(30))
def test_valley_counts_back_from_the_end_of_the_longest_fall(seed):
    """Integers, so that many losses are equal: an equal loss does not continue a fall."""
    losses = np.random.default_rng(seed).integers(0, 8, 15).astype(float)
    found = curve(np.concatenate([losses, np.zeros(5)]), steps=20)
    seen = losses[2:]  # without a tenth of 20, and without the last five
    length, end = longest_falls(seen.tolist())
    if length < 3:
        with pytest.raises(ValueError, match="fewer than three losses fall"):
            found.valley()
    else:
        index = end - length + int(length / 3) + int(length / 3 / 2)
        assert found.valley() == found.lr[2 + index]


def test_valley_of_one_long_fall_is_its_middle_and_not_two_thirds_in():
    losses = np.concatenate([np.full(20, 9.0), np.arange(60.0, 0, -1), np.full(20, 99.0)])
    # The fall has 60 losses and ends with number 79: 60/3 + 60/6 = 30 after the one before it.
    assert curve(losses).valley() == rates(100)[79 - 60 + 30]


@pytest.mark.parametrize("seed", range(3))
def test_units_of_loss_and_rate(seed):
    found = curve(noisy(seed), beta=0.9)
    suggested = np.array(list(found.suggestions().values()))
    assert ((suggested > LOW) & (suggested < HIGH)).all()
    louder = replace(found, loss=tuple(8 * loss for loss in found.loss))
    np.testing.assert_array_equal(list(louder.suggestions().values()), suggested)
    larger = replace(found, lr=tuple(1000 * lr for lr in found.lr))
    np.testing.assert_allclose(list(larger.suggestions().values()), 1000 * suggested, rtol=1e-9)


@pytest.mark.parametrize(
    "losses", [np.full(40, 2.0), np.linspace(1, 2, 40)], ids=["flat", "rising"]
)
def test_a_loss_that_never_falls_suggests_nothing(losses):
    found = curve(losses, beta=0.5)
    for rule in RULES:
        with pytest.raises(ValueError, match=r"suggests no rate by this rule: .+ fall"):
            getattr(found, rule)()
    assert found.suggestions() == dict.fromkeys(RULES)


def test_a_test_that_ends_too_early_says_so():
    short = curve([2.0, 1.5, 1.0], steps=100, stopped="diverged: so it did")
    for rule in ("steepest", "valley"):
        told = r"3 of 100 updates are too few: lower low \(stopped: diverged: so it did\)"
        with pytest.raises(ValueError, match=told):
            getattr(short, rule)()
    # 10 are left out at the beginning, for the valley 5 at the end.
    falling = curve(np.linspace(9, 1, 18), steps=100)
    assert falling.valley() == rates(100)[10 + 2 - 3 + 1]
    with pytest.raises(ValueError, match="17 of 100 updates are too few"):
        curve(np.linspace(9, 1, 17), steps=100).valley()
    assert curve(np.linspace(9, 1, 13), steps=100).steepest() == rates(100)[11]
    with pytest.raises(ValueError, match="12 of 100 updates are too few"):
        curve(np.linspace(9, 1, 12), steps=100).steepest()


def test_a_minimum_at_the_end_is_none():
    with pytest.raises(ValueError, match="still falls at 10, the last rate: raise high"):
        curve(np.linspace(2, 1, 30)).minimum_tenth()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("lr", [0.1, 0.1, 0.2], "lr must increase"),
        ("lr", [0, 0.1, 0.2], r"lr\[0\] must be a finite real number greater than 0"),
        ("lr", [0.1, 0.2], "must have one value for each of at most 10 updates, received 2 and 3"),
        ("loss", [1, 2, np.nan], r"loss\[2\] must be a finite real number"),
        ("loss", [], "received 3 and 0"),
        ("steps", 9, "steps must be at least 10 in a range test, received 9"),
        ("beta", 1, r"beta must be .+ in \[0, 1\), received 1"),
    ],
)
def test_what_is_no_range_test(name, value, told):
    given = {"lr": [0.1, 0.2, 0.3], "loss": [3, 2, 1], "steps": 10, name: value}
    with pytest.raises(ValueError, match=told):
        RangeTest(given.pop("lr"), given.pop("loss"), **given)
    lr = [0.1 * k for k in range(1, 12)]
    with pytest.raises(ValueError, match="at most 10 updates, received 11 and 11"):
        RangeTest(lr, lr, steps=10)


def test_it_is_a_value_that_can_be_stored():
    found = curve(noisy(0), beta=0.9, stopped="diverged")
    assert RangeTest.from_config(found.to_config()) == found


# --- the recorder --------------------------------------------------------------------------------

PLAN = {"low": 1e-3, "high": 10, "steps": 41, "beta": 0.5, "stop_at": 4}


def recorder(**changes):
    return RangeRecorder(**{**PLAN, **changes})


def test_the_rates_grow_by_equal_factors_from_low_to_high():
    np.testing.assert_allclose(recorder().rates, rates(41, 1e-3, 10), rtol=1e-12)
    assert (recorder().rates[0], recorder().rates[-1]) == (1e-3, 10)


def test_the_recipe_of_a_test_has_the_same_rates_across_epochs():
    watch = Watch(ReduceOnPlateau(0.5))
    given = Recipe(Constant(0.5), epochs=9, batch_size=30, optimizer=Adam(), clip_norm=2, seed=3,
                   watch=watch)  # fmt: skip
    plan = recorder()
    made = plan.recipe(given, 100)  # 4 updates an epoch
    assert (made.epochs, made.per, made.watch) == (11, "step", None)
    assert replace(made, schedule=given.schedule, epochs=9, per="epoch", watch=watch) == given
    assert isinstance(made.schedule, Geometric)
    np.testing.assert_allclose(made.schedule(np.arange(41) / 4), plan.rates, rtol=1e-12)


def test_fewer_examples_than_a_batch_are_refused():
    given = Recipe(Constant(0.5), epochs=9, batch_size=30)
    assert recorder().recipe(given, 30).epochs == 41
    told = r"recipe.batch_size must be at most the 29 training examples .+, received 30"
    with pytest.raises(ValueError, match=told):
        recorder().recipe(given, 29)
    with pytest.raises(ValueError, match="recipe must be a Recipe, received 'adam'"):
        recorder().recipe("adam", 29)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"low": 1, "high": 0.1}, r"low must be less than high, received 1 and 0\.1"),
        ({"low": 1, "high": 1}, "low must be less than high, received 1 and 1"),
        ({"low": 0}, "low must be a finite real number greater than 0, received 0"),
        ({"high": -1}, "high must be a finite real number greater than 0, received -1"),
        ({"high": np.inf}, "high must be a finite real number greater than 0, received inf"),
        ({"steps": 9}, "steps must be at least 10 in a range test, received 9"),
        ({"steps": 10.0}, r"steps must be a positive integer, received 10\.0"),
        ({"stop_at": 1}, "stop_at must be a finite real number greater than 1, received 1"),
        ({"beta": 1}, r"beta must be a finite real number in \[0, 1\), received 1"),
    ],
)
def test_plans_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        recorder(**changes)
    assert recorder(low=0.1, high=0.2, steps=10, stop_at=1.01, beta=0)


def run(losses, **changes):
    made = recorder(**changes)
    for lr, loss in zip(made.rates, losses, strict=False):
        made.record(lr, loss)
        if made.stopped:
            break
    return made.result()


def test_it_notes_what_it_is_told():
    losses = np.linspace(2, 1, 41).tolist()
    found = run(losses)
    assert (found.lr, found.loss) == (tuple(recorder().rates), tuple(losses))
    assert (found.steps, found.beta, found.stopped) == (41, 0.5, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_the_test_or_at_first_refuses_it(bad):
    found = run([2, 1, bad, 1])
    assert found.loss == (2, 1)
    told = f"diverged: the loss is no longer finite after an update at {recorder().rates[1]:.3g}"
    assert found.stopped == told
    with pytest.raises(ValueError, match=f"must be finite before the first update .+ {bad}: look"):
        run([bad])


@pytest.mark.parametrize(("last", "stopped"), [(6.9, False), (7.1, True)])
def test_it_stops_where_the_smoothed_loss_is_beyond_the_factor(last, stopped):
    """At β = 0.5 an average of 1 goes half the way to 7, and that is 4."""
    ones = [1.0] * 30  # the average is full
    found = run([*ones, last, 1.0])
    assert bool(found.stopped) is stopped
    assert len(found.loss) == (31 if stopped else 32)
    assert run([*ones, 7.1], stop_at=5).stopped is None
    assert run([*ones, 7.1], beta=0.9).stopped is None


def test_losses_below_zero_do_not_end_a_test():
    assert run([1, -1, -5, -1, 3, 9]).stopped is None


def test_batches_begin_anew_where_they_end():
    plan = recorder(steps=10)
    given = list(plan.over("abcd"))
    assert [lr for lr, _ in given] == plan.rates
    assert "".join(batch for _, batch in given) == "abcdabcdab"
    source = count()
    assert [batch for _, batch in plan.over(source)] == list(range(10))
    assert next(source) == 10, "none is taken that is not needed"


def test_batches_that_run_out_are_refused():
    with pytest.raises(ValueError, match=r"received 0: are the data fewer than a batch"):
        list(recorder().over([]))
    plan, once = recorder(steps=10), iter("abcd")
    seen = plan.over(once)
    assert len(list(islice(seen, 4))) == 4
    with pytest.raises(ValueError, match=r"must give 10, begun anew where they end, received 4$"):
        next(seen)
