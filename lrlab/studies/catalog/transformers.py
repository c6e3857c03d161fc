"""The decoder on a language whose entropy is known: warm-up, decay, extension, AdamW's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from lrlab.optimizers import AdamW, Lion, Muon, Optimizer, ScheduleFreeAdamW
from lrlab.schedules import (
    Constant,
    CosineDecay,
    LinearDecay,
    Schedule,
    WarmupStableDecay,
    join,
    warmup,
)
from lrlab.studies.catalog.problems import PROBLEMS, RAMP
from lrlab.studies.study import Measure, Network, Setting, Study

DECODER = PROBLEMS["decoder"]
FIVE = tuple(range(20, 25))
RATES = (0.001, 0.003, 0.01, 0.03)
RAMPS = (0, 50, 150, 450)  # updates
UPDATES = 150  # in an epoch
LR = 0.01
MARGIN = (
    "Loss on held-out sequences, paired by seed, with 95 % intervals and with Holm's for the "
    "claims of its chapter; the margin is 0.02 nats; a run that overflows counts as guessing, "
    "ln 24. Each number is also told less the source's own loss on these sequences, as excess."
)
DECIDES_WARMUP = (
    f"After epoch 4. {MARGIN} A ramp helps at a rate if none less it lies above the margin. "
    "Pre-normalised needs less of it: at some rate the gain of a ramp of 150 updates when "
    "post-normalised less that when pre-normalised lies above the margin. It lets a larger rate "
    "in, for either place of the normalisation, if the rate that is best in the mean with the "
    "ramp of 150 is above the one without."
)
DECIDES_EXTENDING = (
    f"After epoch 8, at the rate {LR:g}. {MARGIN} A trapezoid can be extended: 'trapezoid, cooled "
    "twice' less 'linear, planned for 8' lies below the margin. A decay that has ended cannot: "
    "'cosine for 4, then its end' less 'linear, planned for 8' lies above the margin. To warm up "
    "again repairs it: 'linear for 4, then again' less 'linear, planned for 8' lies below it."
)
DECIDES_DECAY = (
    f"After epoch 8, at the rate {LR:g}. {MARGIN} A weight decay helps with a schedule if 0 less "
    "it lies above the margin; three are tried with each. The schedule schedules it: the gain of "
    "the decay 1 over 0 with a line to 0 less that with a constant rate lies outside of the "
    "margin. Groups without decay matter if all less them, at the decay 1, lies outside of the "
    "margin."
)
DECIDES_BETA2 = (
    f"After epoch 8. {MARGIN} β₂ matters at a rate if another less 0.999 lies outside of the "
    "margin; its choice does not, within it. A spike is a batch whose loss is 0.5 nats above the "
    "median of the 50 before it; told are how many there are after the ramp, and with clipping at"
    " 1. Clipping prevents spikes if none less clipped, in spikes per run, lies above 0."
)


DECIDES_OPTIMIZERS = (
    "Every way gets seven trials, a run for each rate of a grid by factors of three (seed 10), "
    "and one further rate, by a factor of 3, where the choice falls on an end. The weight decay "
    "is 0.01 for all, 0.1 for the matrices of Muon, and for Lion 0.1, as its rates are a tenth. "
    "Chosen is the rate with the lowest loss on held-out sequences after epoch 8. Then each way "
    "is run with five fresh seeds, 20 to 24, and "
    f"looks at the test sequences once. {MARGIN} Another way gains on AdamW with a line to 0 if "
    "that less it lies above the margin; it is as good if that less it lies above minus the "
    "margin. Schedule-free needs no schedule: AdamW with a line less it lies above minus the "
    "margin, and AdamW with a constant rate less it lies above the margin."
)


def _after_ramp(lr: float) -> Schedule:
    return warmup(Constant(lr), RAMP)


def _line(lr: float, epochs: int = 8, ramp: float = RAMP) -> Schedule:
    return warmup(LinearDecay(lr, total_epochs=epochs - ramp), ramp)


#: What is compared with AdamW: the optimizer, its schedule, and seven rates around its own.
AFTER_ADAM: dict[str, tuple[Optimizer, Callable[[float], Schedule], tuple[float, ...]]] = {
    "AdamW, linear": (AdamW(), _line, DECODER.rates),
    "AdamW, constant": (AdamW(), _after_ramp, DECODER.rates),
    "schedule-free": (ScheduleFreeAdamW(weight_decay=0.01), _after_ramp, DECODER.rates),
    "Lion, linear": (Lion(weight_decay=0.1), _line, tuple(lr / 10 for lr in DECODER.rates)),
    "Muon, linear": (Muon(), _line, tuple(10 * lr for lr in DECODER.rates)),
}


def studies() -> Iterable[Study]:
    """Ramps, horizons that change, weight decay, and the memory of squares."""
    settings = tuple(
        replace(
            _run(f"{where}, ramp {ramp}, lr {lr:g}", _line(lr, 4, ramp / UPDATES), 4),
            network=Network("Decoder", normalise=where),
        )
        for where in ("before", "after")
        for ramp in RAMPS
        for lr in RATES
    )
    text = "4 epochs of the decoder with AdamW: normalised before or after, four ramps, four rates"
    yield Study("decoder-warmup", text, settings, seeds=FIVE, decides=DECIDES_WARMUP)

    half = _line(LR, 4)
    cooled = WarmupStableDecay(LR, warmup_epochs=RAMP, stable_epochs=2.2, decay_epochs=0.8)
    plans: dict[str, Schedule] = {
        "linear, planned for 8": _line(LR),
        "trapezoid, planned for 8": WarmupStableDecay(
            LR, warmup_epochs=RAMP, stable_epochs=5.4, decay_epochs=1.6
        ),
        "trapezoid, cooled twice": join(
            [cooled, join([Constant(LR), LinearDecay(LR, total_epochs=1.6)], at=[2.4])], at=[4]
        ),
        "linear for 4, then again": join([half, half], at=[4]),
        "cosine for 4, then its end": warmup(
            CosineDecay(LR, total_epochs=3, final_lr=LR / 10), RAMP
        ),
    }
    settings = tuple(_run(label, schedule, 8) for label, schedule in plans.items())
    text = "8 epochs of the decoder with AdamW: schedules planned for 8 epochs, and for 4"
    yield Study("decoder-extending", text, settings, seeds=FIVE, decides=DECIDES_EXTENDING)

    settings = tuple(
        _run(f"decay {decay:g}, {name}", schedule, 8, AdamW(weight_decay=decay))
        for name, schedule in (("linear", _line(LR)), ("constant", _after_ramp(LR)))
        for decay in (0.0, 0.01, 0.1, 1.0)
    )
    layers_alone = AdamW(weight_decay=1.0, decay_vectors=False)
    settings += (_run("decay 1 without vectors, linear", _line(LR), 8, layers_alone),)
    text = "8 epochs of the decoder with AdamW: four weight decays, two schedules"
    yield Study("decoder-decay", text, settings, seeds=FIVE, decides=DECIDES_DECAY)

    settings = tuple(
        _run(f"beta2 {beta2:g}, lr {lr:g}", _line(lr), 8, AdamW(beta2=beta2))
        for lr in (LR, 3 * LR)
        for beta2 in (0.9, 0.95, 0.99, 0.999)
    )
    text = "8 epochs of the decoder with AdamW: four decay rates of the squares, two rates"
    yield Study("decoder-beta2", text, settings, seeds=FIVE, decides=DECIDES_BETA2)
    settings = tuple(
        replace(run, recipe=replace(run.recipe, clip_norm=norm), measure=Measure("loss"))
        for beta2 in (0.95, 0.999)
        for name, norm in (("none", None), ("at 1", 1.0))
        for label in [f"beta2 {beta2:g}, clipping {name}"]
        for run in [_run(label, _line(3 * LR), 8, AdamW(beta2=beta2))]
    )
    text = "the same at the larger rate, with every batch's loss, clipped or not"
    yield Study("decoder-spikes", text, settings, seeds=FIVE, decides=DECIDES_BETA2)

    settings = tuple(
        _run(f"{name}, lr {lr:g}", schedule(lr), 8, optimizer)
        for name, (optimizer, schedule, rates) in AFTER_ADAM.items()
        for lr in rates
    )
    text = "8 epochs of the decoder: AdamW, schedule-free, Lion and Muon at seven rates, to choose"
    yield Study(
        "decoder-optimizers-choosing", text, settings, seeds=(10,), decides=DECIDES_OPTIMIZERS
    )


def _run(
    label: str, schedule: Schedule, epochs: int, optimizer: Optimizer | None = None
) -> Setting:
    problem = DECODER if optimizer is None else replace(DECODER, optimizer=optimizer)
    return problem.setting(label, schedule, epochs)
