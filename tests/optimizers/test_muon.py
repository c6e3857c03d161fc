"""Muon: by singular values, against both frameworks, and what is said of it."""

from dataclasses import fields, replace

import keras
import numpy as np
import pytest
import torch

from lrlab.optimizers.adam import AdamW
from lrlab.optimizers.muon import Muon, newton_schulz
from lrlab.optimizers.twins import twin
from tests.support.framework_paths import error, in_float32, keras_path, our_path, torch_path

RNG = np.random.default_rng(6)
STEPS = 300
SHAPES = [(4, 4), (6, 3), (2, 7)]
needs_torchs = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon yet")


def problem(shape, steps=STEPS):
    """A start, rates that rise and fall, noise, and a bowl's curvature."""
    lrs = np.r_[np.linspace(0, 0.05, steps // 3), np.linspace(0.05, 0, steps - steps // 3)]
    return RNG.normal(size=shape), lrs, RNG.normal(0.2, 1, (steps, *shape)), np.full(shape, 0.5)


def polynomial(sigma, steps):
    for _ in range(steps):
        sigma = 3.4445 * sigma - 4.7750 * sigma**3 + 2.0315 * sigma**5
    return sigma


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (5, 1)])
@pytest.mark.parametrize("steps", [1, 5])
def test_newton_schulz_moves_the_singular_values_alone(shape, steps) -> None:
    matrix = RNG.normal(size=shape)
    matrix /= np.linalg.norm(matrix)
    u, sigma, vt = np.linalg.svd(matrix, full_matrices=False)
    expected = (u * polynomial(sigma, steps)) @ vt
    np.testing.assert_allclose(newton_schulz(matrix, steps=steps), expected, rtol=0, atol=1e-13)


def test_five_steps_bring_singular_values_near_1() -> None:
    sigma = np.geomspace(0.002, 1, 300)
    reached = newton_schulz(np.diag(sigma)).diagonal()
    assert reached.min() == pytest.approx(0.68, abs=0.005)
    assert reached.max() == pytest.approx(1.20, abs=0.005)
    assert polynomial(0.001, 5) < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": [1.0, 2.0]}, r"matrix must have two axes, received one of shape \(2,\)"),
        ({"matrix": np.ones((2, 2, 2))}, "matrix must have two axes"),
        ({"matrix": "x"}, "matrix must be a matrix of numbers"),
        ({"matrix": np.eye(2), "steps": 0}, "steps must be a positive integer"),
    ],
)
def test_newton_schulz_refuses_what_does_not_fit(arguments, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        newton_schulz(**arguments)


# --- the frameworks' steps ------------------------------------------------------------------------

OPTIONS = [
    {},
    {"momentum": 0.8, "nesterov": False, "ns_steps": 3, "weight_decay": 0.5},
    {"momentum": 0.0, "scaling": "match_rms_adamw"},
]


@needs_torchs
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", OPTIONS)
def test_300_steps_are_torchs_but_for_its_bfloat16(monkeypatch, shape, options) -> None:
    optimizer, task = Muon(**options), problem(shape)
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # all of it in float64
    theirs = torch_path(Muon, twin(optimizer, "pytorch")[1], *task)
    assert error(our_path(optimizer, *task), theirs) < 1e-9


@needs_torchs
def test_torchs_bfloat16_moves_a_step_by_a_part_in_a_hundred() -> None:
    optimizer = Muon()
    w, lrs, noise = np.zeros((32, 16)), np.ones(1), RNG.normal(size=(1, 32, 16))
    ours = our_path(optimizer, w, lrs, noise)[1]
    theirs = torch_path(Muon, twin(optimizer, "pytorch")[1], w, lrs, noise)[1]
    apart = np.linalg.norm(ours - theirs) / np.linalg.norm(ours)
    assert 1e-3 < apart < 2e-2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.75, "nesterov": False, "ns_steps": 3, "weight_decay": 0.5}]
)
def test_100_steps_are_those_of_keras(shape, options) -> None:
    optimizer = in_float32(Muon(convention="keras", **options))
    task = problem(shape, 100)
    theirs = keras_path(Muon, twin(optimizer, "keras")[1], *task)
    assert error(our_path(optimizer, *task), theirs) < 1e-10


def test_keras_trains_all_but_matrices_by_the_rest() -> None:
    rest = in_float32(AdamW(beta1=0.75, beta2=0.875, weight_decay=0.25, convention="keras"))
    optimizer = Muon(rest=rest, rest_scale=0.5, convention="keras")
    for shape in [(5,), (2, 3, 2)]:
        w, lrs, *gradients = problem(shape, 100)
        theirs = keras_path(Muon, twin(optimizer, "keras")[1], w, lrs, *gradients)
        # Its weight decay goes by the whole rate, where a group of torch's has its share in it.
        still = replace(rest, weight_decay=rest.weight_decay * 2)
        assert error(our_path(still, w, 0.5 * lrs, *gradients), theirs) < 1e-10


@pytest.mark.parametrize("convention", ["pytorch", "keras"])
def test_the_defaults_are_the_frameworks(convention) -> None:
    if convention == "keras":
        theirs = keras.optimizers.Muon().get_config()
        assert (theirs["rms_rate"], theirs["muon_a"]) == (0.2, 3.4445)
    else:
        if not hasattr(torch.optim, "Muon"):
            pytest.skip("torch has no Muon yet")
        theirs = torch.optim.Muon([torch.ones(1, 1)]).defaults
        assert (theirs["eps"], theirs["ns_coefficients"]) == (1e-7, (3.4445, -4.775, 2.0315))
        theirs["adjust_lr_fn"] = theirs["adjust_lr_fn"] or "original"
    for name, value in twin(Muon(convention=convention), convention)[1].items():
        assert theirs[name] == value, name


# --- what is said of it ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_is_nearly_orthogonal_and_as_long_as_its_scale(shape) -> None:
    for scaling, scale in (
        ("original", max(1, shape[0] / shape[1]) ** 0.5),
        ("match_rms_adamw", 0.2 * max(shape) ** 0.5),
    ):
        optimizer = Muon(scaling=scaling, weight_decay=0.0)
        assert optimizer.scale(*shape) == pytest.approx(scale)
        w, _ = optimizer.step(
            np.zeros(shape), RNG.normal(size=shape), optimizer.start(np.zeros(shape)), 0.5
        )
        sigma = np.linalg.svd(w)[1] / (0.5 * scale)
        assert sigma.min() > 0.68
        assert sigma.max() < 1.21
    assert np.sqrt((w**2).mean()) == pytest.approx(0.5 * 0.2, rel=0.3)


def test_the_size_of_the_gradient_does_not_matter() -> None:
    task = problem((3, 4))[:3]
    for convention in ("pytorch", "keras"):
        optimizer = Muon(convention=convention)
        path = our_path(optimizer, *task)
        larger = our_path(optimizer, *task[:2], 2.0**20 * task[2])
        np.testing.assert_allclose(larger, path, rtol=1e-4, atol=1e-4 * 2**-10)


def test_the_conventions_differ_in_scale_and_decay_alone() -> None:
    task = problem((6, 3))[:3]
    ours = {"scaling": "match_rms_adamw", "weight_decay": 0.25}
    torchs, kerass = (our_path(Muon(convention=c, **ours), *task) for c in ("pytorch", "keras"))
    np.testing.assert_allclose(torchs, kerass, rtol=1e-4, atol=1e-4)


def test_a_gradient_of_0_moves_nothing() -> None:
    for convention in ("pytorch", "keras"):
        optimizer, w = Muon(weight_decay=0.0, convention=convention), np.ones((2, 3))
        moved, _ = optimizer.step(w, 0 * w, optimizer.start(w), 1.0)
        assert moved.tolist() == w.tolist()


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2)])
def test_weights_that_are_no_matrix_are_refused(shape) -> None:
    message = r"^w must be a matrix under Muon; other weights are for its rest, received one of"
    with pytest.raises(ValueError, match=message):
        Muon().start(np.ones(shape))


def test_the_rest_is_an_adamw_that_both_frameworks_have() -> None:
    assert (Muon().rest, Muon(convention="keras").rest) == (AdamW(), AdamW(convention="keras"))
    assert Muon(rest=AdamW(beta2=0.9)).rest.beta2 == 0.9
    config = Muon(rest=AdamW(beta2=0.9)).to_config()
    assert Muon.from_config(config) == Muon(rest=AdamW(beta2=0.9)) != Muon()
    for rest in (AdamW(amsgrad=True), AdamW(bias_correction=False), AdamW(convention="keras")):
        with pytest.raises(
            ValueError, match=r"^rest must be an AdamW of convention 'pytorch' with"
        ):
            Muon(rest=rest)
    with pytest.raises(ValueError, match=r"^rest must be an AdamW, received 'AdamW'"):
        Muon(rest="AdamW")


def test_the_rest_has_a_rate_of_its_own_where_the_scale_is_another() -> None:
    assert Muon().rest_scale == 0.015 == pytest.approx(3e-4 / 0.02)
    assert Muon(scaling="match_rms_adamw").rest_scale == 1
    assert Muon(convention="keras").rest_scale == 1
    assert Muon(rest_scale=0.5).rest_scale == 0.5
    with pytest.raises(ValueError, match=r"^scaling must be 'match_rms_adamw' in Keras"):
        Muon(scaling="original", convention="keras")


def test_its_twins_arguments() -> None:
    own = {"momentum": 0.95, "nesterov": True, "ns_steps": 5}
    assert twin(Muon(), "pytorch") == (
        "Muon",
        own | {"adjust_lr_fn": "original", "weight_decay": 0.1},
    )
    keras_s = {"adam_beta_1": 0.9, "adam_beta_2": 0.999, "epsilon": 1e-7, "adam_lr_ratio": 1.0}
    keras_s |= {"adam_weight_decay": 0.004, "weight_decay": 0.004}
    assert twin(Muon(convention="keras"), "keras") == ("Muon", own | keras_s)
    assert {item.name for item in fields(Muon)} >= {"rest", "rest_scale"}
