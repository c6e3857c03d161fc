"""Bad input: each wrong value is refused, under its parameter's name and with the value shown.

The checks are tested through the schedules, since that is where a user meets them.
"""

import itertools
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from lrlab.schedules import (
    Constant,
    CosineDecay,
    Geometric,
    Joined,
    MultiStepDecay,
    OneCycle,
    Recurrence,
    Scaled,
    Schedule,
    StepDecay,
    Warmup,
    WarmupStableDecay,
    join,
    scale,
    warmup,
)
from lrlab.utils import checks
from tests.support.schedule_samples import SAMPLES, sample

NO_NUMBERS = [
    *(math.nan, math.inf, -math.inf, np.float32("nan"), 10**400),
    *(1j, True, False, np.True_, np.complex128(1), "0.1", b"1", None, [0.1], np.array(0.1)),
    *(np.timedelta64(1), np.timedelta64(1, "D"), np.datetime64("2020-01-01"), Decimal("0.1")),
]

# What else a kind of parameter refuses, and values at the very edge that it takes.
RATE = ([-1, -1e-300, np.float64(-0.1)], [0, 1e-300, 1e300])
DURATION = ([0, -1, -1e-300, -0.0, Fraction(1, 10**400)], [1e-3, 1e3])
FACTOR = ([0, -1, -0.5, 1.0000001, 2], [1, 1e-300])
POSITIVE = ([0, -1, -0.0], [1e-3, 7])
AT_LEAST_ONE = ([0.9999999, 0, -1], [1, 1.5])
FRACTION = ([0, 1, -0.1, 1.5], [1e-6, 1 - 1e-6])
KINDS = {
    **dict.fromkeys(["lr", "max_lr", "final_lr", "begin_lr", "rate"], RATE),
    **dict.fromkeys(["total_epochs", "step_epochs", "cycle_epochs", "warmup_epochs"], DURATION),
    **dict.fromkeys(["stable_epochs", "decay_epochs", "epochs"], DURATION),
    **dict.fromkeys(["up_epochs", "down_epochs", "timescale_epochs"], DURATION),
    **dict.fromkeys(["gamma", "cycle_gamma"], FACTOR),
    **dict.fromkeys(["power", "factor"], POSITIVE),
    **dict.fromkeys(["cycle_mult", "exponent", "initial_div", "final_div"], AT_LEAST_ONE),
    "warmup_fraction": FRACTION,
}
KINDS_OF = {Geometric: {**KINDS, "lr": POSITIVE, "final_lr": POSITIVE}}
NUMBERS = [(cls, name) for cls, names in SAMPLES.items() for name in names if name in KINDS]


def test_every_parameter_is_tested() -> None:
    # Those that are no numbers have tests of their own below.
    others = {name for names in SAMPLES.values() for name in names} - KINDS.keys()
    assert others == {
        *("milestones", "at", "rule", "shape", "three_phase", "schedule", "schedules", "clock"),
    }
    assert len(NUMBERS) > 30


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_out_of_range_is_refused(cls: type, name: str) -> None:
    refused, _ = KINDS_OF.get(cls, KINDS)[name]
    optional = name == "down_epochs"
    for value in [*NO_NUMBERS, *refused]:
        if value is None and optional:
            continue
        message = rf"^{name} must be a finite real number .*received {re.escape(repr(value))}$"
        with pytest.raises(ValueError, match=message):
            sample(cls, **{name: value})


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_at_the_edge_is_taken(cls: type, name: str) -> None:
    taken = [
        value for value in KINDS_OF.get(cls, KINDS)[name][1] if cls is not Recurrence or value < 2
    ]
    assert taken
    for value in taken:
        stored = getattr(sample(cls, **{name: value}), name)
        assert (type(stored), stored) == (float, value)


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_any_kind_of_real_number_is_stored_as_a_float(cls: type, name: str) -> None:
    one_or_half = 0.5 if name == "warmup_fraction" else 1
    kinds = (np.float16, np.float32, np.float64, np.longdouble, Fraction)
    whole = (int, np.int8, np.uint64) if one_or_half == 1 else ()
    for kind in kinds + whole:
        stored = getattr(sample(cls, **{name: kind(one_or_half)}), name)
        assert (type(stored), stored) == (float, one_or_half)


def test_the_message_says_the_rule() -> None:
    rules = {
        "lr": "of at least 0",
        "gamma": r"in \(0, 1\]",
        "step_epochs": r"greater than 0 \(epochs\)",
    }
    for name, rule in rules.items():
        with pytest.raises(ValueError, match=f"{name} must be a finite real number {rule}, rec"):
            sample(StepDecay, **{name: -1})


# --- moments -------------------------------------------------------------------------------------

BAD_MOMENTS = [
    *([], (), [3, 1], [2, 2], [0, 1], [-1], [math.nan], [math.inf, 1], [True], ["1"], [1j], [[1]]),
    *(5, 5.0, None, True, "15", b"15", np.array(5.0), np.array([[1.0, 2.0]])),
    *({1, 2}, {1: 2}, bytearray(b"12"), np.array([1, 2], "m8[D]"), [np.timedelta64(1, "D")]),
]


@pytest.mark.parametrize("value", BAD_MOMENTS, ids=repr)
@pytest.mark.parametrize(("cls", "name"), [(MultiStepDecay, "milestones"), (Joined, "at")])
def test_moments_have_to_be_positive_and_increasing(cls: type, name: str, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}(\[\d\])? must be .*received "):
        sample(cls, **{name: value})


def test_the_message_about_moments_shows_them() -> None:
    for value in ([3, 1], [2, 2], [], 5, "15"):
        with pytest.raises(ValueError, match=f"received {re.escape(repr(value))}$"):
            checks.increasing("milestones", value)
    with pytest.raises(ValueError, match=r"^milestones\[1\] must be .*received 'x'$"):
        checks.increasing("milestones", [1, "x"])


@pytest.mark.parametrize("value", [[1, 2], (1, 2), np.array([1, 2]), range(1, 3), iter([1, 2])])
def test_any_sequence_of_moments_is_stored_as_a_tuple(value) -> None:
    assert checks.increasing("milestones", value) == (1.0, 2.0)


def test_moments_without_end_are_refused() -> None:
    rule = "^milestones must be a sequence of epochs, at most 100000 of them, received more$"
    for value in (itertools.count(1), range(1, 100_002)):
        with pytest.raises(ValueError, match=rule):
            checks.increasing("milestones", value)
    assert len(checks.increasing("milestones", range(1, 100_001))) == 100_000


# --- names, schedules, joints --------------------------------------------------------------------


NAMES = [
    (Recurrence, "rule", "sin, power"),
    (OneCycle, "shape", "cosine, linear"),
    (WarmupStableDecay, "shape", "linear, 1-sqrt"),
    (Joined, "clock", "own, common"),
    (Warmup, "clock", "own, common"),
]


@pytest.mark.parametrize("value", ["", "Sin", "Cosine", None, 1, ["sin"], np.array(["sin", "x"])])
@pytest.mark.parametrize(("cls", "name", "options"), NAMES)
def test_an_unknown_name_is_refused(cls: type, name: str, options: str, value) -> None:
    message = rf"^{name} must be one of {options}, received {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=message):
        sample(cls, **{name: value})


@pytest.mark.parametrize("value", [0, 1, None, "yes", 1.0])
def test_a_flag_is_true_or_false(value) -> None:
    with pytest.raises(ValueError, match=r"^three_phase must be True or False, received"):
        sample(OneCycle, three_phase=value)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_three_phases_leave_room_for_the_last(share: float) -> None:
    assert OneCycle(1, total_epochs=9, warmup_fraction=share).warmup_fraction == share
    with pytest.raises(ValueError, match=rf"^warmup_fraction must .* in \(0, 1/2\) .* {share}$"):
        OneCycle(1, total_epochs=9, warmup_fraction=share, three_phase=True)


@pytest.mark.parametrize(
    ("momenta", "message"),
    [
        ({"low": -0.1}, r"low must be .* in \[0, 1\), received -0.1"),
        ({"low": 1}, r"low must be .* in \[0, 1\), received 1"),
        ({"high": 1}, r"high must be .* in \[low, 1\), received 1"),
        ({"high": 0.8}, r"high must be .* in \[low, 1\), received 0.8"),
        ({"high": "0.9"}, r"high must be .*, received '0.9'"),
    ],
)
def test_a_momentum_is_below_1_and_low_is_the_lower_one(momenta: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        OneCycle(1, total_epochs=9).momentum(**momenta)


def test_a_name_of_numpys_is_stored_as_pythons() -> None:
    stored = sample(Recurrence, rule=np.str_("power")).rule
    assert (type(stored), stored) == (str, "power")


def test_a_recurrence_keeps_to_rates_from_which_it_falls() -> None:
    with pytest.raises(ValueError, match=r"^lr must .* in \[0, π\] for rule 'sin', received 3.2$"):
        Recurrence(3.2, rule="sin")
    with pytest.raises(ValueError, match=r"^lr must .* in \[0, 1\] for rule 'power', rec.* 1.01$"):
        Recurrence(1.01, rule="power")
    assert Recurrence(math.pi, rule="sin")(1) == pytest.approx(math.sin(math.pi))
    assert Recurrence(1, rule="power")(9) == 1


def test_the_exponent_belongs_to_one_rule() -> None:
    with pytest.raises(ValueError, match=r"^exponent belongs to rule 'power' alone, received 2.0$"):
        Recurrence(0.1, rule="sin", exponent=2)


@pytest.mark.parametrize("value", [0.1, None, "Constant", Constant, lambda t: 0.1])
def test_what_is_composed_has_to_be_a_schedule(value) -> None:
    received = rf"must be a schedule of lrlab, received {re.escape(repr(value))}$"
    for make in (
        lambda: warmup(value, 5),
        lambda: warmup(value, 0),
        lambda: scale(value, 2),
        lambda: Warmup(value, epochs=1),
        lambda: Scaled(value, factor=1),
    ):
        with pytest.raises(ValueError, match=f"^schedule {received}"):
            make()
    with pytest.raises(ValueError, match=rf"^schedules\[1\] {received}"):
        join([Constant(1), value], at=[1])


@pytest.mark.parametrize("value", [[], [Constant(1)], None, Constant(1), 5])
def test_a_join_needs_two_schedules(value) -> None:
    with pytest.raises(ValueError, match=r"^schedules must be a sequence of two or more, received"):
        join(value, at=[1])


@pytest.mark.parametrize(("pieces", "at"), [(2, (1, 2)), (2, (1, 2, 3)), (3, (1,)), (4, (1, 2))])
def test_a_join_needs_one_moment_between_two_schedules(pieces: int, at: tuple[int, ...]) -> None:
    shown = re.escape(repr(tuple(map(float, at))))
    with pytest.raises(ValueError, match=rf"^at must .* one .* fewer .*\({pieces}\), .* {shown}$"):
        join([Constant(1)] * pieces, at=at)


@pytest.mark.parametrize("epochs", [-1, -1e-9, math.nan, math.inf, True, "5", None, 1j])
def test_a_warmup_lasts_no_negative_time(epochs) -> None:
    shown = re.escape(repr(epochs))
    with pytest.raises(ValueError, match=f"^epochs must be .* of at least 0, received {shown}$"):
        warmup(Constant(1), epochs)


@pytest.mark.parametrize("epochs", [0, 5])
def test_the_begin_of_a_warmup_is_checked_however_long_it_is(epochs: int) -> None:
    with pytest.raises(ValueError, match=r"^begin_lr must be .*received -1$"):
        warmup(Constant(1), epochs, begin_lr=-1)


# --- time ----------------------------------------------------------------------------------------

BAD_TIMES = {
    "must be finite and at least 0": [
        *(-1, -1e-300, math.nan, math.inf, -math.inf, np.float32(-1), np.int64(-1)),
        *([0, -1.0], np.array([[0, math.nan]]), np.array(-1)),
    ],
    "must be a real number of epochs": [
        *(True, np.False_, 1j, "1", b"1", None, 10**400, np.datetime64("2020-01-01")),
        *([1, "2"], [None], [[1], [2, 3]], np.array([True, False]), np.array([1j]), {}),
        *(np.timedelta64(1), np.timedelta64(1, "D"), np.array([1], "m8[D]"), Decimal(1)),
    ],
}


@pytest.mark.parametrize("t", [Fraction(1, 2), np.longdouble(0.5), np.float16(0.5)])
def test_any_real_number_is_a_moment(t) -> None:
    half = CosineDecay(1, total_epochs=1)(t)
    assert (type(half), half) == (float, pytest.approx(0.5))


def test_a_moment_beyond_the_floats_is_refused() -> None:
    far = np.longdouble("1e4000")
    if np.isfinite(far):  # where there are such numbers
        for t in (far, np.array([1, far])):
            with pytest.raises(ValueError, match=r"^t must be finite .*, received inf$"):
                Constant(1)(t)


@pytest.mark.parametrize("cls", SAMPLES)
def test_a_moment_that_is_none_is_refused(cls: type) -> None:
    schedule = sample(cls)
    for rule, values in BAD_TIMES.items():
        for t in values:
            with pytest.raises(ValueError, match=f"^t {rule}.*received"):
                schedule(t)


def test_the_message_about_time_shows_the_moment() -> None:
    with pytest.raises(ValueError, match=r"received -2\.0$"):
        Constant(1)(np.array([0, 1, -2]))
    with pytest.raises(ValueError, match=r"received 'noon'$"):
        Constant(1)("noon")


# --- the way arguments are given -----------------------------------------------------------------


@pytest.mark.parametrize("cls", [cls for cls, names in SAMPLES.items() if len(names) > 1])
def test_only_the_first_argument_may_come_by_position(cls: type) -> None:
    names, values = zip(*SAMPLES[cls].items(), strict=True)
    first, second, *others = (value for value, _ in values)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 "):
        cls(first, second, **dict(zip(names[2:], others, strict=True)))


# --- configs -------------------------------------------------------------------------------------

CONSTANT = {"class": "Constant", "lr": 0.1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (5, "^config must be a dict .*received 5$"),
        (None, "^config must be a dict .*received None$"),
        ("Constant", "^config must be a dict .*received 'Constant'$"),
        ([("class", "Constant")], "^config must be a dict"),
        ({}, "^config must name a class out of .*Constant, .*received None$"),
        ({"lr": 0.1}, "^config must name a class out of .*received None$"),
        ({"class": "Konstant", "lr": 0.1}, "^config must name .*received 'Konstant'$"),
        ({"class": "Schedule"}, "^config does not fit Schedule: "),
        ({"class": ["Constant"]}, "^config must name .*received"),
        ({"class": "Constant"}, "^config does not fit Constant: .*'lr'$"),
        (CONSTANT | {"gamma": 1}, "^config does not fit Constant: .*'gamma'$"),
        (CONSTANT | {1: 2}, "^config does not fit Constant: "),
        (CONSTANT | {"lr": -1}, "^lr must be .*received -1$"),
        ({"class": "Scaled", "schedule": {}, "factor": 1}, "^config must name .*received None$"),
        ({"class": "Scaled", "schedule": 1, "factor": 1}, "^schedule must be .*received 1$"),
        ({"class": "Joined", "schedules": [CONSTANT], "at": [1]}, "^schedules must be"),
    ],
)
def test_a_config_that_describes_no_schedule_is_refused(config, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule.from_config(config)
