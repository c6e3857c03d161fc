"""The recipes of the reference page, against their sources' formulas, update by update.

Each formula is written as its source has it: for one update, counted from 0, with its branches.
"""

import ast
import math
import re

import numpy as np
import pytest

import lrlab
from tests.conftest import ROOT

PAGE = (ROOT / "book" / "reference" / "schedules.md").read_text(encoding="utf-8")
UPDATES = 700  # of which the recipes plan 600 at most
W, T = 40, 600  # the warm-up's updates, and all


def blocks() -> dict[str, str]:
    """The recipes of the page by the comment above each."""
    listings = "\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S))
    found = re.findall(r"^# (.+)\n((?:(?!# ).*\n?)+)", listings, re.M)
    assert len(found) == len(dict(found))
    return dict(found)


def made(code: str) -> lrlab.Schedule:
    """The schedule that the last line of a recipe gives."""
    *before, last = ast.parse(code).body
    names = dict(vars(lrlab))
    exec(compile(ast.Module(before, []), "recipe", "exec"), names)
    return eval(compile(ast.Expression(last.value), "recipe", "eval"), names)


# --- what many of them are made of ---------------------------------------------------------------


def cos(high: float, low: float, done: float) -> float:
    return low + 0.5 * (high - low) * (1 + math.cos(math.pi * done))


def ramp(k: int, low: float, high: float) -> float:
    return low + (high - low) * k / W


def past_warmup(k: int) -> float:
    """Which part of the updates after the warm-up is done."""
    return min(k - W, T - W) / (T - W)


FORMULAS = {}


def recipe(*names: str):
    """Take a formula for the recipe of that name on the page."""

    def take(formula):
        FORMULAS.update(dict.fromkeys(names, formula))
        return formula

    return take


# --- language models -----------------------------------------------------------------------------


@recipe("nanoGPT, get_lr")
def _(k):
    if k < W:
        return 6e-4 * (k + 1) / (W + 1)
    return 6e-5 if k > T else cos(6e-4, 6e-5, (k - W) / (T - W))


@recipe("Chinchilla: a cosine to 10 %")
def _(k):
    return cos(1e-4, 1e-5, min(k / T, 1))


@recipe("DeepSeek LLM: 31.6 % after 80 % of the updates, 10 % after 90 %")
def _(k):
    if k < 20:
        return 4.2e-4 * k / 20
    return 4.2e-4 * (1 if k < 0.8 * T else 0.316 if k < 0.9 * T else 0.1)


@recipe("MiniCPM: halved every 30 updates at the end")
def _(k):
    return 1e-2 * (k / 20 if k < 20 else 1 if k < 540 else 0.5 ** ((k - 540) / 30))


@recipe('Transformer ("Noam"), d_model=512, warmup_steps=40')
def _(k):
    return 512**-0.5 * min(k**-0.5, k * 40**-1.5) if k else 0


@recipe("T5: 1 / sqrt(max(k, 40))")
def _(k):
    return 1 / math.sqrt(max(k, 40))


@recipe("OLMo-core, CosWithWarmup(warmup_steps=40, alpha_f=0.2, warmup_min_lr=1e-5)")
def _(k):
    return ramp(k, 1e-5, 4e-4) if k < W else cos(4e-4, 8e-5, past_warmup(k))


@recipe("OLMo-core, InvSqrtWithWarmup(warmup_steps=40, alpha_f=0.1)")
def _(k):
    floor = 0.1 * 4e-4
    return ramp(k, 0, 4e-4) if k < W else floor + (4e-4 - floor) * math.sqrt(W / k)


@recipe("OLMo-core, WSD(warmup_steps=40, decay_steps=60, decay_min_lr=1e-6)")
def _(k):
    if k <= W:
        return ramp(k, 0, 4e-4)
    left = max(T - k, 0)
    return 1e-6 + (4e-4 - 1e-6) * min(left, 60) / 60 if k >= T - 60 else 4e-4


@recipe("OLMo-core, CosWithWarmupAndLinearDecay(warmup_steps=40, alpha_f=0.2, decay_steps=60)")
def _(k):
    def cosine(k):
        return ramp(k, 0, 4e-4) if k < W else cos(4e-4, 0.2 * 4e-4, (k - W) / (T - W))

    return cosine(k) if k < T - 60 else cosine(T - 60) * max(T - k, 0) / 60


@recipe("fairseq, inverse_sqrt with warmup_init_lr=1e-7")
def _(k):
    return ramp(k, 1e-7, 5e-4) if k < W else 5e-4 * W**0.5 * k**-0.5


@recipe("fairseq, polynomial_decay with power=2 and end_learning_rate=1e-5")
def _(k):
    if k <= W:
        return k / W * 5e-4
    return 1e-5 if k >= T else (5e-4 - 1e-5) * (1 - (k - W) / (T - W)) ** 2 + 1e-5


@recipe("fairseq, tri_stage with init_lr_scale=0.01 and final_lr_scale=0.05")
def _(k):
    if k < W:
        return ramp(k, 0.01 * 5e-4, 5e-4)
    if k < 200:
        return 5e-4
    return 5e-4 * (math.exp(math.log(0.05) / 300 * (k - 200)) if k <= 500 else 0.05)


@recipe("fairseq, cosine with lr_period_updates=100, lr_shrink=0.5, min_lr=1e-5")
def _(k):
    if k < W:
        return ramp(k, 1e-7, 5e-4)
    i, within = divmod(k - W, 100)
    return cos(5e-4 * 0.5**i, 1e-5 * 0.5**i, within / 100)


@recipe("transformers, linear")
def _(k):
    return 5e-5 * (k / W if k < W else max(0, (T - k) / (T - W)))


@recipe("transformers, cosine_with_restarts with num_cycles=4")
def _(k):
    if k < W:
        return 5e-5 * k / W
    done = (k - W) / (T - W)
    return 0 if done >= 1 else 5e-5 * 0.5 * (1 + math.cos(math.pi * ((4 * done) % 1)))


@recipe("transformers, polynomial with power=3 and lr_end=1e-7")
def _(k):
    if k < W:
        return 5e-5 * k / W
    return 1e-7 if k > T else (5e-5 - 1e-7) * (1 - (k - W) / (T - W)) ** 3 + 1e-7


@recipe("transformers, inverse_sqrt with timescale=250")
def _(k):
    return 5e-5 * (k / W if k < W else 1 / math.sqrt((k + 250 - W) / 250))


@recipe("transformers, cosine_warmup_with_min_lr with min_lr_rate=0.1")
def _(k):
    if k < W:
        return 5e-5 * (k + 1) / W
    done = (k - W + 1) / (T - W)  # the source goes on with the cosine after its end
    return 5e-5 * (0.5 * (1 + math.cos(math.pi * min(done, 1))) * 0.9 + 0.1)


@recipe(
    'transformers, warmup_stable_decay with warmup_type="1-sqrt", decay_type="cosine", '
    "min_lr_ratio=0.1"
)
def _(k):
    if k < W:
        return 5e-5 * ((1 - math.sqrt(1 - k / W)) * 0.9 + 0.1)
    if k < 440:
        return 5e-5
    if k >= T:
        return 0.1 * 5e-5
    return 5e-5 * (0.5 * (1 + math.cos(math.pi * 0.5 * 2 * (k - 440) / 160)) * 0.9 + 0.1)


# --- images --------------------------------------------------------------------------------------


@recipe("open_clip, cosine")
def _(k):
    return 1e-3 * (k + 1) / W if k < W else cos(1e-3, 0, past_warmup(k))


@recipe("open_clip, const")
def _(k):
    return 1e-3 * (k + 1) / W if k < W else 1e-3


@recipe("open_clip, const-cooldown with power 1.5 to 1e-5")
def _(k):
    if k < 500:
        return 1e-3 * min((k + 1) / W, 1)
    return (1 - min(k - 500, 100) / 100) ** 1.5 * (1e-3 - 1e-5) + 1e-5


@recipe("DINO, cosine_scheduler for the rate")
def _(k):
    return np.linspace(1e-6, 5e-4, W)[k] if k < W else cos(5e-4, 1e-6, past_warmup(k))


@recipe("DINO, cosine_scheduler for the weight decay")
def _(k):
    return cos(0.04, 0.4, min(k / T, 1))


@recipe("Big Vision, rsqrt with timescale=40 and a cooldown")
def _(k):
    rate = 1e-3 * (k / W if k < W else 1 / math.sqrt(k / W))
    return rate * min(max(T - k, 0) / 100, 1)


@recipe("timm, cosine as in DeiT and BEiT, with warmup_t=40, warmup_lr_init=1e-6, lr_min=1e-5")
def _(k):
    return ramp(k, 1e-6, 5e-4) if k < W else cos(5e-4, 1e-5, min(k / T, 1))


@recipe("timm, cosine with warmup_prefix=True")
def _(k):
    return ramp(k, 1e-6, 5e-4) if k < W else cos(5e-4, 1e-5, min((k - W) / T, 1))


@recipe("timm, cosine with cycle_mul=2, cycle_decay=0.5, cycle_limit=3")
def _(k):
    i = math.floor(math.log2(1 + k / 80))
    within = k - 80 * (2**i - 1)
    return cos(5e-4 * 0.5**i, 1e-5, within / (80 * 2**i)) if i < 3 else 1e-5


@recipe("timm, cosine with cycle_decay=0.5 and lr_min=0")
def _(k):
    return cos(5e-4 * 0.5 ** (k // 100), 0, k % 100 / 100)


@recipe("timm, step with warmup_prefix=True")
def _(k):
    return ramp(k, 1e-6, 5e-4) if k < W else 5e-4 * 0.9 ** ((k - W) // 30)


@recipe("timm, step with warmup_prefix=False")
def _(k):
    return ramp(k, 1e-6, 5e-4) if k < W else 5e-4 * 0.9 ** (k // 30)


@recipe("timm, poly with power=0.5")
def _(k):
    if k < W:
        return ramp(k, 1e-6, 5e-4)
    return 1e-5 + (5e-4 - 1e-5) * (1 - k / T) ** 0.5 if k < T else 1e-5


def warming(k):
    return min(0.001 * (1 - k / W) + k / W, 1)


@recipe("detectron2, WarmupCosineLR: the ramp multiplies")
def _(k):
    return 0.02 * warming(k) * 0.5 * (1 + math.cos(math.pi * min(k, T) / T))


@recipe("detectron2, LRMultiplier over a cosine: the ramp leads up to the cosine's own rate")
def _(k):
    start, end = 0.001 * 0.02, cos(0.02, 0, W / T)
    return end * k / W + start * (1 - k / W) if k < W else cos(0.02, 0, min(k / T, 1))


@recipe('detectron2, LRMultiplier over cuts, warmup_method="constant"')
def _(k):
    return 0.001 * 0.02 if k < W else 0.02 * 0.1 ** ((k >= 400) + (k >= 500))


@recipe("MMDetection, 1x: LinearLR by updates times MultiStepLR by epochs of 50 updates")
def _(k):
    return 0.02 * warming(k) * 0.1 ** ((k // 50 >= 8) + (k // 50 >= 11))


@recipe('MMCV, CosineAnnealing by epochs of 50 updates, warmup="exp"')
def _(k):
    return cos(0.02, 0, min(k // 50 / 12, 1)) * (0.1 ** (1 - k / W) if k < W else 1)


@recipe("YOLOv5, weights: a ramp by updates towards a line by epochs of 50 updates")
def yolo(k, begin=0.0):
    line = 0.01 * ((1 - min(k // 50, 12) / 12) * (1 - 0.01) + 0.01)
    return np.interp(k, [0, 120], [begin, line])


@recipe("YOLOv5, biases: the same, from 0.1 down")
def _(k):
    return yolo(k, begin=0.1)


@recipe("TensorFlow Models, PolynomialWarmUp(power=2) over a line")
def _(k):
    line = [1e-3 * (1 - min(update, T) / T) for update in (k, W)]
    return line[1] * (k / W) ** 2 if k < W else line[0]


@recipe("Keras, the former SGD(learning_rate=0.01, decay=1e-3)")
def _(k):
    return 0.01 * (1.0 / (1.0 + 1e-3 * k))


@recipe('Caffe, lr_policy "inv" with gamma=1e-4 and power=0.75')
def _(k):
    return 0.01 * (1 + 1e-4 * k) ** -0.75


@recipe("the range test, from 1e-6 to 1 by equal factors")
def _(k):
    return 1e-6 * (1e6 ** (1 / 600)) ** min(k, T)


@recipe("the range test by equal differences")
def _(k):
    return 1e-6 + (1 - 1e-6) / 600 * min(k, T)


# --- compared ------------------------------------------------------------------------------------


def test_every_recipe_of_the_page_has_its_formula() -> None:
    assert set(blocks()) == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_recipe_gives_the_rates_of_its_source(name: str) -> None:
    expected = [FORMULAS[name](k) for k in range(UPDATES)]
    assert made(blocks()[name])(np.arange(UPDATES)) == pytest.approx(expected, rel=1e-11, abs=1e-18)
