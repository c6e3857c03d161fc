"""Classes of the reader's own: wherever they are defined, and whatever process they come to."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Annotated

import cloudpickle
import numpy as np
import pytest

from lrlab import Constant, CosineDecay, Recipe, Schedule, join, scale
from lrlab.utils import Value, checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def thirds():
    """A class, made by names that are to be had nowhere else."""
    from lrlab.schedules import Rate as Local

    @dataclass(frozen=True)
    class Thirds(Schedule):
        lr: Local
        _: KW_ONLY
        base: Annotated[float, checks.factor] = 1 / 3

        def _rates(self, t):
            return self.lr * self.base**t

    return Thirds


class Renamed(CosineDecay):
    """Nothing but another name."""


class Doubled(CosineDecay):
    def _rates(self, t):
        return 2 * CosineDecay._rates(self, t)


@dataclass(frozen=True)
class Stairs(Schedule):
    rates: ArrayLike  # unknown when it runs

    def _rates(self, t):
        return np.asarray(self.rates)[np.minimum(t, len(self.rates) - 1).astype(int)]


def stored(value):
    """What is left of a value in a file."""
    return Value.from_config(json.loads(json.dumps(value.to_config(), allow_nan=False)))


def local(cls):
    """The same class, as one that no other process can import."""
    return type(cls.__name__ + "Here", cls.__bases__, {**vars(cls), "__module__": "__main__"})


def compositions(schedule):
    return [
        schedule,
        join([scale(schedule, 2), Constant(0.1)], at=[1]),
        Recipe(schedule, epochs=1),
    ]


THIRDS = thirds()
OWN = [
    THIRDS(0.3, base=0.5),
    Renamed(0.3, total_epochs=4),
    Doubled(0.3, total_epochs=4),
    Stairs([0.3, 0.2, 0.1]),
]


@pytest.mark.parametrize("own", OWN, ids=lambda own: type(own).__name__)
def test_they_are_copied_sent_and_stored_like_any_other(own):
    for value in compositions(own):
        copies = [copy.copy(value), copy.deepcopy(value), stored(value)]
        copies += [cloudpickle.loads(cloudpickle.dumps(value)) for _ in range(2)]
        if own is not OWN[0]:  # pickle finds no class that is defined in a function
            copies.append(pickle.loads(pickle.dumps(value)))
        assert copies == [value] * len(copies)
        assert stored(value) == value  # the copies have not taken the class's name away
        assert {hash(one) for one in copies} == {hash(value)}


WORKER = """
import copy, pickle, sys
from lrlab import Schedule
tasks = pickle.load(sys.stdin.buffer)
for task in tasks * 3:
    cls, value = pickle.loads(task)
    assert Schedule.from_config(value.to_config()) == value == copy.deepcopy(value), value
    assert type(Schedule.from_config(value.to_config())) is cls is type(value), value
    try:
        print(value(2), cls(-1, total_epochs=1))
    except (ValueError, TypeError) as error:
        print(value(2), error)
"""


def test_a_worker_meets_them_task_after_task():
    """Each task brings its classes along, as those of a notebook; the names of checks are here."""
    values = [OWN[0]]
    for own in OWN[1:]:
        made = local(type(own))
        values.append(made(**{each.name: getattr(own, each.name) for each in fields(own)}))
    tasks = [cloudpickle.dumps((type(value), value)) for value in values]
    arguments = [sys.executable, "-c", WORKER]
    done = subprocess.run(arguments, input=pickle.dumps(tasks), capture_output=True, check=False)
    assert done.stderr.decode() == ""
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 3 * len(values)
    assert lines[: len(values)] == lines[len(values) : 2 * len(values)]
    for line, value in zip(lines, values, strict=False):
        assert float(line.split()[0]) == value(2)
    refused = "lr must be a finite real number of at least 0, received -1"
    assert [refused in line for line in lines[1:3]] == [True, True]


class TestAnnotations:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"lr": -1}, "lr must be a finite real number of at least 0, received -1"),
            ({"lr": 1, "base": 2}, r"base must be a finite real number in \(0, 1\], received 2"),
        ],
    )
    def test_names_of_the_function_around_are_found(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            THIRDS(**arguments)

    def test_what_is_defined_later_is_found_when_it_is_needed(self):
        with pytest.raises(ValueError, match="size must be a positive integer, received 0"):
            Early(0)

    def test_what_is_never_defined_is_no_check(self):
        assert Stairs("steep").rates == "steep"

    def test_a_check_counts_whatever_type_stands_beside_it(self):
        @dataclass(frozen=True)
        class Sized(Value):
            size: Annotated["ArrayLike", checks.count]  # noqa: UP037
            other: "Annotated[int, checks.count]"  # noqa: UP037

        for arguments in [(0, 1), (1, 0)]:
            with pytest.raises(ValueError, match="must be a positive integer, received 0"):
                Sized(*arguments)

    def test_a_text_that_is_no_annotation_is_no_check(self):
        @dataclass(frozen=True)
        class Described(Value):
            size: "how much, in metres"  # noqa: F722
            count: Annotated[int, checks.count]

        assert Described("3", 1).size == "3"
        with pytest.raises(ValueError, match="count must be a positive integer"):
            Described("3", 0)

    def test_of_a_field_that_a_subclass_annotates_anew_the_last_check_counts(self):
        @dataclass(frozen=True)
        class Free(Early):
            size: float

        assert Free(-0.5).size == -0.5
        with pytest.raises(ValueError, match="size must be a positive integer"):
            Early(-0.5)


@dataclass(frozen=True)
class Early(Value):
    size: Annotated[int, later]


later = checks.count


class TestFields:
    def test_a_list_is_stored_as_a_tuple_and_an_array_as_it_is(self):
        rates = np.array([0.2, 0.1])
        assert Stairs([[1, 2], 3]).rates == ((1, 2), 3)
        assert Stairs(rates).rates is rates
        rates[0] = 0.3  # it is the reader's

    def test_lists_in_lists_without_end_are_refused(self):
        deep = [0.1]
        for _ in range(3000):
            deep = [deep]
        with pytest.raises(ValueError, match="rates must not hold lists so deep"):
            Stairs(deep)

    @pytest.mark.parametrize("kind", ["list[float]", "ArrayLike"])
    def test_a_class_that_looks_at_its_fields_itself_sees_them_as_given(self, kind):
        seen = []

        @dataclass(frozen=True)
        class Looks(Stairs):
            others: kind

            def __post_init__(self):
                super().__post_init__()
                seen.append(self.others)

        given = [0.2, 0.1]
        assert Looks(given, given).rates == (0.2, 0.1)
        assert seen[0] is given

    @pytest.mark.parametrize("rates", [[0.2, 0.1], (0.2, 0.1), np.array([0.2, 0.1])])
    def test_a_config_is_plain(self, rates):
        assert stored(Stairs(rates)) == Stairs((0.2, 0.1))
        assert stored(Stairs(rates[0])) == Stairs(0.2)

    def test_a_config_that_is_nested_too_deeply_is_refused(self):
        config = Constant(0.1).to_config()
        for _ in range(3000):
            config = {"class": "Scaled", "schedule": config, "factor": 1.0}
        with pytest.raises(ValueError, match="config does not fit Scaled"):
            Value.from_config(config)


class TestNames:
    def define(self, place="one", module=__name__):
        """A class that says what it is, as a function of the given name would define it."""
        names = {"__module__": module, "__qualname__": f"{place}.<locals>.Named"}
        annotations = {"place": "str"}
        cls = type("Named", (Value,), {**names, "__annotations__": annotations, "place": place})
        return dataclass(frozen=True)(cls)

    def test_another_of_the_name_is_refused_while_the_first_is_in_use(self):
        first = self.define("one")
        message = (
            r"Named is the name of a class in .*test_own_classes\.one\.<locals> already; saved"
        )
        with pytest.raises(ValueError, match=message):
            self.define("two")
        with pytest.raises(ValueError, match=message):
            self.define("one", module="elsewhere")
        assert stored(first()) == first()

    def test_one_that_nobody_uses_any_more_is_forgotten(self):
        self.define("one")()
        assert stored(self.define("two")()).place == "two"

    def test_the_cell_run_again_counts_from_its_definition_on(self):
        old, new = self.define(), self.define()
        assert type(Value.from_config({"class": "Named"})) is new
        assert type(old.from_config({"class": "Named"})) is old
        old()
        assert type(Value.from_config({"class": "Named"})) is new

    def test_of_two_that_come_from_another_process_neither_is_taken_for_the_other(self):
        brought = cloudpickle.dumps(self.define("one")())
        second = self.define("two")()
        first = cloudpickle.loads(brought)
        assert (first.place, second.place) == ("one", "two")
        with pytest.raises(ValueError, match=r"Named is the name of a class in .*\.<locals>"):
            stored(first)
        for value in (first, second):
            assert type(value).from_config(value.to_config()) == value

    def test_a_script_has_another_name_in_a_process_that_it_starts(self):
        script = self.define(module="__mp_main__")
        sent = self.define(module="__main__")
        assert script is not sent
        assert type(Value.from_config({"class": "Named"})) is sent

    def test_a_class_without_a_body_is_known_before_its_first_instance(self):
        bare = type("Unfilled", (Constant,), {"__module__": __name__})
        assert type(Value.from_config({"class": "Unfilled", "lr": 1})) is bare

    def test_a_class_without_a_body_does_not_take_a_name_either(self):
        first = self.define("one")
        bare = type("Named", (first,), {"__module__": __name__, "__qualname__": "two.Named"})
        assert type(Value.from_config({"class": "Named"})) is first
        with pytest.raises(ValueError, match="Named is the name of a class in"):
            bare()
        assert stored(first()) == first()
