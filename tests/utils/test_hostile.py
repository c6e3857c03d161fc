"""Whatever is handed to a checked value: the value is made, or a ValueError says why not.

Each parameter of each class gets objects of every kind in the place of what belongs there, and each
schedule is asked for moments as far away as floats go. What hangs, hangs here.
"""

import contextlib
import copy
import datetime
import itertools
import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from inspect import isabstract, signature

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrlab import data, landscapes, schedules, statistics, studies, theory
from lrlab.optimizers import SGD, Adam
from lrlab.plateau import PlateauSchedule, ReduceOnPlateau, lowered_by
from lrlab.schedules import Constant, OneCycle, Schedule, Triangular, hold, join, scale, warmup
from lrlab.schedules.compose import DEEPEST, MOST
from lrlab.training import RangeTest, Recipe, Watch
from lrlab.utils import Value, checks
from tests.support import optimizer_samples, schedule_samples
from tests.support.strategies import examples


class Refusing:
    """A number, a sequence and an array at once, all of which raise an error of their own."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise ZeroDivisionError("not with me")

    __float__ = __int__ = __index__ = __len__ = __iter__ = __getitem__ = __array__ = _refuse
    __repr__ = __bool__ = __lt__ = __gt__ = __le__ = __ge__ = _refuse


class RefusingNumber(Refusing, float):
    """The same, and a real number by its type."""

    __hash__ = float.__hash__


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE = [
    *(None, True, np.False_, 0, -1, 3, 0.5, -0.0, 1e308, 5e-324, math.nan, math.inf, -math.inf),
    *(10**9, 10**12, 10**400, -(10**400), 1j, np.complex128(2), Decimal("0.1"), Decimal("sNaN")),
    *(Fraction(1, 3), Fraction(1, 10**400), np.longdouble("1e4000"), np.float16(0.5), np.int8(3)),
    *("", "1e-3", "nan", b"1", bytearray(b"1"), memoryview(b"1"), np.str_("min"), np.bytes_(b"x")),
    *(np.timedelta64(3, "s"), np.timedelta64(3), np.timedelta64("NaT"), np.datetime64("2026", "Y")),
    *(datetime.timedelta(1), datetime.date(2026, 1, 1), object(), Refusing(), RefusingNumber()),
    *(np.array(0.1), np.array([0.1]), np.array([]), np.array([[1.0, 2.0]]), np.array(["a"])),
    *(np.array([1, None], dtype=object), np.array(3, dtype="m8[s]"), np.zeros(2, dtype="V4")),
    *(torch.tensor(0.1), torch.tensor([1.0, 2.0]), torch.ones(2, requires_grad=True)),
    *([], [1, 2], (2, 1), [math.nan], {1: 2}, {3.0}, range(3), range(10**9), nested(10**5)),
    *(itertools.count(1), (x for x in [1, 2]), [Constant(1), 3], Constant, Constant(0.1), SGD()),
    *(10**10_000, lambda t: 0.1, ReduceOnPlateau(0.1), {"class": "Constant", "lr": 0.1}, ...),
]  # fmt: skip


# Where an array is asked for, a range of 10⁹ numbers is one, and is computed with.
HOSTILE_ARRAYS = [x for x in HOSTILE if not (isinstance(x, range) and len(x) > 3)]


def with_defaults(cls: type, *first: object, **others: object) -> Callable[..., Value]:
    """Make instances of a class, given what has no default."""
    names = list(signature(cls).parameters)
    parameters = dict(zip(names, first, strict=False)) | others

    def make(**changes: object) -> Value:
        changed = parameters | changes
        return cls(*[changed.pop(name) for name in names[: len(first)]], **changed)

    make.names = names
    return make


def makers() -> dict[str, Callable[..., Value]]:
    """For each class and each function that makes a value, how to make one with some changes."""
    made = {}
    for module in (schedule_samples, optimizer_samples):
        for cls, parameters in module.SAMPLES.items():
            made[cls.__name__] = partial(module.sample, cls)
            made[cls.__name__].names = list(parameters)
    recipe, bowl = Recipe(Constant(0.1), epochs=4), landscapes.Quadratic([1, 9])
    setting = studies.Setting("one", recipe)
    cosine = schedules.CosineDecay(0.1, total_epochs=3)
    for cls, first, others in [
        (ReduceOnPlateau, [0.1], {}),
        (PlateauSchedule, [ReduceOnPlateau(0.1)], {"schedule": Constant(0.1)}),
        (Watch, [ReduceOnPlateau(0.1)], {}),
        (Recipe, [Constant(0.1)], {"epochs": 4}),
        (studies.Network, ["LeNet"], {}),
        (studies.Images, ["blobs"], {}),
        (studies.Parts, [2], {}),
        (studies.Measure, ["loss"], {}),
        (data.MarkovLanguage, [], {}),
        (RangeTest, [[0.1, 0.2], [2.0, 1.0]], {"steps": 10}),
        (studies.Setting, ["one", recipe], {}),
        (studies.Run, ["study", setting, 0], {}),
        (studies.Study, ["name", "words", (setting,)], {}),
        (landscapes.Cliff, [], {}),
        (landscapes.DoubleWell, [], {}),
        (landscapes.Noisy, [bowl], {"sigma": 1}),
        (landscapes.Quadratic, [[1, 9]], {}),
        (landscapes.RareFeatures, [4], {}),
        (landscapes.RareGradient, [3], {}),
        (landscapes.Rosenbrock, [], {}),
        (landscapes.Saddle, [], {}),
        (landscapes.SignTrap, [[1, -1, 1]], {}),
        (warmup, [cosine, 3], {}),
        (join, [[cosine, cosine], [3]], {}),
        (scale, [cosine, 2], {}),
        (hold, [cosine, 2], {}),
        (lowered_by, [ReduceOnPlateau(0.1)], {}),
        (OneCycle(1, total_epochs=3).momentum, [], {}),
        (Triangular(1, max_lr=3, up_epochs=3).momentum, [], {}),
    ]:
        made[cls.__qualname__] = with_defaults(cls, *first, **others)
    return made


def heirs(cls: type) -> set[type]:
    """The classes of lrlab below a class, those of tests and notebooks left out."""
    below = {heir for child in cls.__subclasses__() for heir in {child} | heirs(child)}
    return {heir for heir in below if heir.__module__.startswith("lrlab.")}


CLASSES = sorted(cls.__name__ for cls in heirs(Value) if not isabstract(cls))
MAKERS = makers()
PARAMETERS = [(maker, name) for maker, make in MAKERS.items() for name in make.names]


def test_no_checked_value_of_lrlab_is_left_out() -> None:
    assert set(CLASSES) - {"Landscape"} <= set(MAKERS)  # a base, as its methods say
    for make in MAKERS.values():
        make()


@pytest.mark.parametrize(("maker", "name"), PARAMETERS)
def test_a_parameter_is_taken_or_refused_with_a_value_error(maker: str, name: str) -> None:
    for value in HOSTILE:
        with contextlib.suppress(ValueError):
            MAKERS[maker](**{name: value})


SHOWN = [x for x in HOSTILE if "cannot be shown" not in checks.shown(x)]  # where a test fails
anything = st.recursive(
    st.integers(0, len(SHOWN) - 1).map(lambda i: SHOWN[i])  # some cannot be hashed, either
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
    | st.decimals(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(MAKERS)), st.data())
@examples(40)
def test_several_parameters_at_once(maker: str, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(MAKERS[maker].names), anything))
    with contextlib.suppress(ValueError):
        MAKERS[maker](**changes)


@given(st.sampled_from(CLASSES), st.dictionaries(st.text(max_size=5), anything))
@examples(50)
def test_a_config_of_anything(name: str, parameters: dict) -> None:
    with contextlib.suppress(ValueError):
        Value.from_config(parameters | {"class": name})
    with contextlib.suppress(ValueError):
        Value.from_config(parameters | {"class": parameters})


@pytest.mark.parametrize("value", [10**10_000, Refusing(), nested(10**5), "x" * 10**6], ids=type)
def test_the_message_names_the_parameter_whatever_its_value(value: object) -> None:
    with pytest.raises(ValueError, match=r"^lr must be .* of at least 0, received .{3,1010}$"):
        Constant(value)
    with pytest.raises(ValueError, match=r"^all must be True or False, received .{3,1010}$"):
        checks.flag("all", value)
    with pytest.raises(ValueError, match=r"^t must be a real number .*, received .{3,1010}$"):
        Constant(1)(value)


# --- functions that compute -----------------------------------------------------------------------

BOWL = landscapes.Quadratic([1, 9])
AXIS = {"eigenvalue": 2, "lr": 0.1, "momentum": 0.5, "nesterov": False}
WHOLE = {"bowl": BOWL, "lr": 0.1, "momentum": 0.5, "nesterov": False}
NOISE = {"noisy": landscapes.Noisy(BOWL, sigma=1), "lr": 0.1, "momentum": 0.5, "nesterov": False}
EDGES = {"lrs": [1, 2, 3], "losses": [[3], [1], [3]], "level": 2}
ADAM = optimizer_samples.sample(Adam)
CALLS = [
    (theory.iteration_matrix, AXIS),
    (theory.spectral_radius, AXIS),
    (theory.regime, AXIS),
    (theory.convergence_factor, WHOLE),
    (theory.divergence_lr, {"bowl": BOWL, "momentum": 0.5}),
    (theory.best_constant_lr, {"bowl": BOWL}),
    (theory.best_tuning, {"bowl": BOWL, "nesterov": False}),
    (theory.noise_floor, NOISE),
    (theory.settling_time, NOISE | {"start": [1.0, 1.0], "target": 0.5}),
    (theory.plane, {"bowl": BOWL, "lrs": [0.1], "momenta": [0.5], "steps": 10, "patience": 2}),
    (statistics.mean_interval, {"values": [1, 2], "level": 0.9}),
    (statistics.prediction_interval, {"values": [1, 2], "level": 0.9}),
    (statistics.left_edge, EDGES),
    (statistics.right_edge, EDGES),
    (statistics.decades, EDGES),
    (statistics.decide, {"effect": statistics.mean_interval([1, 2]), "margin": 0.1}),
    (ADAM.step, {"w": [1.0], "grad": [1.0], "state": ADAM.start([1.0]), "lr": 0.1}),
    (BOWL.loss, {"w": [1.0, 1.0]}),
    (BOWL.grad, {"w": [1.0, 1.0]}),
    (
        landscapes.descend,
        {"landscape": BOWL, "optimizer": SGD(), "schedule": Constant(0.1), "start": [1, 1]}
        | {"steps": 3, "steps_per_epoch": 1, "seed": 1, "max_loss": 9.0},
    ),
]
ARGUMENTS = [
    (call, given, name)
    for call, given in CALLS
    for name in given
    if name not in ("steps", "optimizer")
]


@pytest.mark.parametrize(
    ("call", "given", "name"), ARGUMENTS, ids=lambda x: getattr(x, "__name__", x)
)
def test_an_argument_is_taken_or_refused_with_a_value_error(call, given, name) -> None:
    for value in HOSTILE_ARRAYS:
        with contextlib.suppress(ValueError), np.errstate(all="ignore"):
            call(**given | {name: value})


# --- nested without end --------------------------------------------------------------------------

ALONE = Constant(1)
DEEPER = {
    "Warmup": lambda inner: warmup(inner, 1),
    "Joined": lambda inner: join([ALONE, inner], at=[1]),
    "Scaled": lambda inner: scale(inner, 1.0),
    "a factor": lambda inner: scale(ALONE, inner),
    "Held": lambda inner: hold(inner, 1),
}


@pytest.mark.parametrize("deeper", DEEPER.values(), ids=DEEPER)
def test_schedules_in_schedules_work_to_the_greatest_depth_and_no_deeper(deeper: Callable) -> None:
    schedule = ALONE
    for _ in range(DEEPEST - 1):
        schedule = deeper(schedule)
    assert schedule(200) > 0
    again = Schedule.from_config(schedule.to_config())
    assert again == schedule
    assert hash(copy.deepcopy(again)) == hash(pickle.loads(pickle.dumps(schedule)))
    assert repr(again) == repr(schedule)
    with pytest.raises(ValueError, match=f"^a schedule must be .* {DEEPEST} deep, .* 101 deep$"):
        deeper(schedule)


@pytest.mark.parametrize("double", [lambda s: join([s, s], at=[1]), lambda s: scale(s, s)])
def test_a_schedule_that_doubles_itself_comes_to_an_end(double: Callable) -> None:
    schedule = ALONE
    for _ in range(12):
        schedule = double(schedule)
    assert schedule(3) == 1
    with pytest.raises(ValueError, match=f"^a schedule must be made of at most {MOST} schedules"):
        double(schedule)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 400, 10**5])
def test_a_config_that_is_nested_too_deep_is_refused(depth: int) -> None:
    config = {"class": "Constant", "lr": 0.1}
    for _ in range(depth):
        config = {"class": "Scaled", "schedule": config, "factor": 1.0}
    with pytest.raises(ValueError, match=r"100 deep|recursion"):
        Schedule.from_config(config)
    with pytest.raises(ValueError, match="recursion"):
        Constant.from_config({"class": "Constant", "lr": nested(depth * 5)})


# --- moments at the end of the floats ------------------------------------------------------------

FAR = [5e-324, 1e-300, 1e12, 1e15, 2.0**53, 1e100, 1e300, np.finfo(float).max, np.float32(3e38)]
HARDLY = [5e-324, 1e-300, 1e-9, 1 - 2**-53, 1 + 2**-52, 1e9, 1e300, np.finfo(float).max]


def check_far(schedule: Schedule) -> None:
    with contextlib.suppress(ValueError):
        rates = schedule(np.array(FAR))
        assert (np.isfinite(rates) & (rates >= 0)).all()


@pytest.mark.parametrize("cls", schedule_samples.SAMPLES)
def test_a_rate_far_away_is_finite(cls: type) -> None:
    schedule = schedule_samples.sample(cls)
    rates = schedule(np.array(FAR))
    assert (np.isfinite(rates) & (rates >= 0)).all()
    for name in schedule_samples.SAMPLES[cls]:
        for value in HARDLY:
            with contextlib.suppress(ValueError):
                changed = schedule_samples.sample(cls, **{name: value})
                check_far(changed)


@pytest.mark.parametrize("t", HOSTILE_ARRAYS, ids=lambda t: type(t).__name__)
def test_a_moment_is_taken_or_refused(t: object) -> None:
    with contextlib.suppress(ValueError):
        assert np.isfinite(Constant(0.1)(t)).all()


def test_what_is_no_finite_rate_is_refused_when_it_is_asked_for() -> None:
    beyond = scale(Constant(1e200), schedules.Geometric(1, total_epochs=2, final_lr=1e200))
    assert beyond(1) == pytest.approx(1e300)
    with pytest.raises(
        ValueError, match=r"^Scaled must give finite rates, received inf at t = 2.0$"
    ):
        beyond([0, 2])
