"""Values are checked, immutable, compared by value, and come back from their configs."""

import copy
import json
import pickle
from dataclasses import KW_ONLY, FrozenInstanceError, dataclass, field
from typing import Annotated

import numpy as np
import pytest

from lrlab.utils import Value, checks, differences, instance


@dataclass(frozen=True)
class Spring(Value):
    stiffness: Annotated[float, checks.positive]
    _: KW_ONLY
    damping: Annotated[float | None, checks.optional(checks.non_negative)] = None
    name: str = "spring"
    powers: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("powers", self.stiffness ** np.arange(3))


@dataclass(frozen=True)
class Pair(Value):
    first: Annotated[Spring, instance(Spring, words="a spring")]
    others: tuple[Spring, ...] = ()


class TestChecks:
    def test_a_field_is_stored_as_its_check_returns_it(self):
        spring = Spring(3, damping=np.float32(0.5))
        assert (type(spring.stiffness), type(spring.damping)) == (float, float)

    def test_none_passes_where_it_may(self):
        assert Spring(3).damping is None

    @pytest.mark.parametrize(("options", "message"), [
        ({"stiffness": -1}, "stiffness must be a finite real number greater than 0, received -1"),
        ({"stiffness": None}, "stiffness must be .* received None"),
        ({"stiffness": 1, "damping": -1}, "damping must be .* received -1"),
    ])  # fmt: skip
    def test_a_value_that_breaks_its_rule_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            Spring(**options)

    def test_another_kind_of_object_is_refused(self):
        with pytest.raises(ValueError, match="first must be a spring, received 3"):
            Pair(3)


class TestImmutable:
    def test_no_field_can_be_set(self):
        with pytest.raises(FrozenInstanceError):
            Spring(3).stiffness = 2

    def test_no_array_can_be_written_to(self):
        with pytest.raises(ValueError, match="read-only"):
            Spring(3).powers[0] = 1

    def test_equal_by_value(self):
        assert Spring(3) == Spring(3.0)
        assert hash(Spring(3)) == hash(Spring(3.0))
        assert Spring(3) != Spring(4)


class TestConfig:
    def test_it_is_plain_and_holds_what_was_given_alone(self):
        assert Spring(3).to_config() == {
            "class": "Spring", "stiffness": 3.0, "damping": None, "name": "spring",
        }  # fmt: skip

    @pytest.mark.parametrize("value", [Spring(3), Pair(Spring(2), (Spring(1), Spring(5)))])
    def test_there_and_back(self, value):
        text = json.dumps(value.to_config(), allow_nan=False)
        assert Value.from_config(json.loads(text)) == value
        assert type(value).from_config(value.to_config()) == value
        assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value

    def test_what_is_left_out_is_by_default(self):
        assert Spring.from_config({"class": "Spring", "stiffness": 3}) == Spring(3)

    @pytest.mark.parametrize(("config", "message"), [
        (3, "config must be a dict"),
        ({"stiffness": 3}, "config must name a class out of .*Spring.*, received None"),
        ({"class": "Nothing"}, "received 'Nothing'"),
        ({"class": ["Spring"]}, "received .'Spring'."),
        ({"class": "Spring"}, "config does not fit Spring: .*stiffness"),
        ({"class": "Spring", "stiffness": 3, "mass": 1}, "config does not fit Spring: .*mass"),
        ({"class": "Spring", "stiffness": -3}, "stiffness must be"),
    ])  # fmt: skip
    def test_what_does_not_fit_is_refused(self, config, message):
        with pytest.raises(ValueError, match=message):
            Value.from_config(config)

    def test_a_class_makes_its_own_kind_alone(self):
        with pytest.raises(ValueError, match="config must name a class out of Spring, received"):
            Spring.from_config(Pair(Spring(1)).to_config())


class TestNames:
    def test_a_name_that_is_taken_is_refused(self):
        with pytest.raises(ValueError, match="Spring is the name of a class in"):
            type("Spring", (Value,), {"__module__": "elsewhere"})

    def test_the_same_cell_run_again_is_fine(self):
        type("Spring", (Value,), {"__module__": __name__})


class TestDifferences:
    def test_equal_configs_have_none(self):
        assert differences(Spring(3).to_config(), Spring(3).to_config()) == []

    def test_each_parameter_is_named_by_its_way(self):
        found = differences(Pair(Spring(1)).to_config(), Pair(Spring(2)).to_config(), "pair")
        assert found == ["pair.first.stiffness was 1.0 and is 2.0"]

    def test_what_only_one_has_is_a_difference(self):
        assert differences({"a": 1}, {"b": 2}) == ["a was 1 and is None", "b was None and is 2"]
