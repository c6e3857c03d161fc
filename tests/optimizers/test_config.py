"""Rules as plain values: nothing is lost on the way, and what no framework can do is refused."""

import json
import re
from dataclasses import fields

import pytest

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, RMSProp
from lrlab.optimizers.base import CONVENTIONS
from lrlab.optimizers.config import RULES, for_training, from_config, to_config
from lrlab.optimizers.sgd import SGD, Momentum
from tests.support.optimizer_samples import SAMPLES, variants

ALL = list(variants(*SAMPLES))


def test_every_rule_is_known_by_its_name():
    assert {name: cls.__name__ for name, cls in RULES.items()} == {name: name for name in RULES}
    assert set(RULES.values()) == set(SAMPLES)


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_a_config_is_plain_and_gives_the_rule_back(rule):
    config = to_config(rule)
    assert config["class"] == type(rule).__name__
    assert set(config) == {"class"} | {item.name for item in fields(rule)}
    assert from_config(json.loads(json.dumps(config))) == rule


def test_configs_of_different_rules_differ():
    configs = [json.dumps(to_config(rule)) for rule in dict.fromkeys(ALL)]
    assert len(set(configs)) == len(configs) > 50


@pytest.mark.parametrize("rule", ["adam", None, Adam, {"class": "Adam"}], ids=repr)
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(ValueError, match=r"optimizer must be a rule of lrlab\.updates, received"):
        to_config(rule)


def test_a_subclass_is_no_rule_since_its_name_would_not_lead_back():
    class Mine(Adam):
        pass

    with pytest.raises(ValueError, match="must be a rule of"):
        to_config(Mine())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("Adam", "config must be a dict as to_config() gives it, received 'Adam'"),
        ({"class": "Lion"}, "config must name a rule out of SGD, Momentum, AdaGrad, RMSProp,"),
        ({"beta1": 0.9}, "received None"),
        ({"class": "SGD", "beta1": 0.9}, "config does not fit SGD: "),
        ({"class": "Adam", "beta1": 1}, "beta1 must be a finite real number in [0, 1), received 1"),
    ],
)
def test_a_config_that_is_none_is_refused(config, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_config(config)


def test_from_config_leaves_its_argument_as_it_was():
    config = to_config(RMSProp())
    from_config(config)
    assert config == to_config(RMSProp())


@pytest.mark.parametrize("framework", CONVENTIONS)
def test_a_framework_trains_with_its_own_rules(framework):
    other = CONVENTIONS[1 - CONVENTIONS.index(framework)]
    for cls in (Momentum, AdaDelta, AdamW):
        own, foreign = cls(convention=framework), cls(convention=other)
        assert for_training(own, framework) == to_config(own)
        with pytest.raises(ValueError, match=f"must be of convention '{framework}' here, received"):
            for_training(foreign, framework)
    assert for_training(SGD(weight_decay=0.1), framework)["weight_decay"] == 0.1
    bare = Adam(bias_correction=False, convention=framework)
    with pytest.raises(ValueError, match="must have bias_correction, which no framework lets"):
        for_training(bare, framework)


def test_a_rule_bears_no_momentum_besides():
    assert for_training(Momentum(), "pytorch", momentum=0.0)["momentum"] == 0.9
    with pytest.raises(
        ValueError, match=r"momentum must be 0 beside an optimizer, .*received 0\.5"
    ):
        for_training(Momentum(), "pytorch", momentum=0.5)
    with pytest.raises(ValueError, match="framework must be one of pytorch, keras, received 'jax'"):
        for_training(SGD(), "jax")
