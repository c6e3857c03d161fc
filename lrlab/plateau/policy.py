r"""Cut the rate when a metric stops improving, as Keras does it or as PyTorch does it.

A schedule knows its rates in advance; this policy waits and sees. It is an immutable set of
parameters. ``state = policy.start()`` holds the rate of the first epoch, and after each epoch
``state = policy.update(state, metric)`` that of the next; nothing is changed in place.

Example:
    >>> policy = ReduceOnPlateau(0.5, factor=0.5, patience=2)
    >>> state = policy.start()
    >>> rates = [state.lr]
    >>> for loss in [1.0, 0.8, 0.8, 0.9, 0.7, 0.7, 0.7]:
    ...     state = policy.update(state, loss)
    ...     rates.append(state.lr)
    >>> rates
    [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from lrlab.utils import checks

# The conventions, and the threshold modes of each, its default first.
THRESHOLD_MODES = {"keras": ("abs",), "pytorch": ("rel", "abs")}
CONVENTIONS = tuple(THRESHOLD_MODES)


@dataclass(frozen=True)
class PlateauState:
    """What a `ReduceOnPlateau` remembers between two epochs; its ``start`` and ``update`` make it.

    Attributes:
        policy: The policy that it belongs to.
        lr: The rate to use next.
        best: The best metric so far; under Keras' convention None before the first one.
        wait: Bad epochs in a row that count towards the next cut.
        cooldown_left: Coming epochs that will not count, since the rate has just changed.
        spell: Epochs since the best metric last improved, whether they counted or not.
        epochs: Metrics received.
        non_finite_at: The first epoch, counted from 0, whose metric was NaN or infinite; None if
            there was none.
    """

    policy: ReduceOnPlateau = field(repr=False)
    lr: float
    best: float | None
    wait: int = 0
    cooldown_left: int = 0
    spell: int = 0
    epochs: int = 0
    non_finite_at: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a plain dict that strict JSON can hold; the policy restores it."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        if self.best is not None and not math.isfinite(self.best):
            values["best"] = str(self.best)  # JSON has neither NaN nor infinities
        return {**values, "policy": self.policy.to_config()}


@dataclass(frozen=True)
class ReduceOnPlateau:
    r"""Multiply the rate by a factor γ after a number of epochs without improvement.

    An epoch is good if its metric m is better than the best so far, b, by more than a threshold δ,
    and b then becomes m: with ``mode="min"`` if :math:`m < b - \delta`, with ``"max"`` if
    :math:`m > b + \delta`; a relative threshold is δb instead of δ. Any other epoch is bad. P bad
    epochs in a row cut the rate to :math:`\max(\gamma\eta, \eta_{\min})`, and the C epochs after a
    cut do not count. The frameworks' patience p and cooldown c are not the same P and C:

    =============  =========================  ========================
    convention     P (``cuts_after``)         C (``skipped_epochs``)
    =============  =========================  ========================
    ``"keras"``    :math:`\max(p, 1)`         :math:`\max(c - 1, 0)`
    ``"pytorch"``  :math:`p + 1`              :math:`c`
    =============  =========================  ========================

    Keras compares in float32, as :math:`m + \delta < b`, and keeps the rate in float32, where 0.1
    is 0.10000000149011612. It takes the first metric for the best whatever it is; after a NaN
    nothing is ever better. Torch works in float64. There a NaN is a bad epoch, and so is an
    infinity of the wrong sign, the first epoch included; a cut of at most ε is not made. A relative
    threshold suits metrics above 0: below, it lies on the wrong side of b, so that a metric a
    little worse than b counts as better, and b drifts.

    The rate may also rise again, which neither framework offers: after every ``raise_after`` epochs
    in a row without improvement, those in cooldown included, it is multiplied by ``raise_factor``,
    up to ``lr`` at most. Where it rises, no cut is made in that epoch, and the wait begins anew
    after a cooldown, as after a cut. A metric that is not finite never raises the rate.

    Args:
        lr: Initial rate η, at least 0.
        convention: ``"keras"`` for ``keras.callbacks.ReduceLROnPlateau``, ``"pytorch"`` for
            ``torch.optim.lr_scheduler.ReduceLROnPlateau``.
        factor: Factor γ of a cut, in (0, 1).
        patience: The framework's patience p in epochs, an integer of at least 0.
        mode: ``"min"`` for a metric that should fall, ``"max"`` for one that should rise. Keras'
            ``"auto"`` is refused: it goes by the metric's name, which is not known here.
        min_delta: Threshold δ, at least 0; torch calls it ``threshold``. Below 1 if relative and
            in mode ``"min"``, since nothing would ever be better.
        threshold_mode: ``"abs"`` or ``"rel"``; by default as in the framework: absolute in Keras,
            which has no other, relative in torch.
        cooldown: The framework's cooldown c in epochs, an integer of at least 0.
        min_lr: Floor of the rate, in [0, lr].
        eps: The smallest difference ε worth a cut, at least 0; belongs to ``"pytorch"`` alone.
        raise_after: Epochs without improvement that raise the rate, an integer of at least P;
            None, like ``raise_factor``, for a rate that never rises.
        raise_factor: Factor of a rise, greater than 1.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> policy = ReduceOnPlateau(0.5, convention="pytorch", patience=0)
        >>> state = policy.update(policy.start(), float("nan"))
        >>> state
        PlateauState(lr=0.05, best=inf, wait=0, cooldown_left=0, spell=1, epochs=1, non_finite_at=0)
        >>> policy.restore(state.to_dict()) == state
        True

    References:
        Keras 3.15, ``keras/src/callbacks/reduce_lr_on_plateau.py``; PyTorch 2.13,
        ``torch/optim/lr_scheduler.py``.
    """

    lr: float
    _: KW_ONLY
    convention: str = "keras"
    factor: float = 0.1
    patience: int = 10
    mode: str = "min"
    min_delta: float = 1e-4
    threshold_mode: str | None = None
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    raise_after: int | None = None
    raise_factor: float | None = None

    def __post_init__(self) -> None:
        lr, patience = checks.rate("lr", self.lr), checks.whole("patience", self.patience)
        mode = checks.choice("mode", self.mode, ("min", "max"))
        modes = THRESHOLD_MODES[checks.choice("convention", self.convention, CONVENTIONS)]
        given = modes[0] if self.threshold_mode is None else self.threshold_mode
        threshold_mode = checks.choice("threshold_mode", given, modes)
        below, rule = math.inf, "of at least 0"
        if (threshold_mode, mode) == ("rel", "min"):
            below, rule = 1, "in [0, 1) for threshold_mode 'rel' and mode 'min'"
        if self.convention == "keras" and self.eps != ReduceOnPlateau.eps:
            raise ValueError(f"eps belongs to convention 'pytorch' alone, received {self.eps!r}")
        checked = {
            "lr": lr,
            "factor": checks.fraction("factor", self.factor),
            "patience": patience,
            "min_delta": checks.number("min_delta", self.min_delta, rule, lambda x: 0 <= x < below),
            "threshold_mode": threshold_mode,
            "cooldown": checks.whole("cooldown", self.cooldown),
            "min_lr": checks.number("min_lr", self.min_lr, "in [0, lr]", lambda x: 0 <= x <= lr),
            "eps": checks.number("eps", self.eps, "of at least 0", lambda x: x >= 0),
        }
        if self.raise_after is not None or self.raise_factor is not None:
            after = checks.count("raise_after", self.raise_after)
            rule = f"of at least {self.cuts_after}, since there is no cut to undo before"
            checks.number("raise_after", after, rule, lambda x: x >= self.cuts_after)
            rule = "greater than 1 where raise_after is given"
            by = checks.number("raise_factor", self.raise_factor, rule, lambda x: x > 1)
            checked |= {"raise_after": after, "raise_factor": by}
        for name, value in checked.items():
            # A frozen dataclass takes values only this way.
            object.__setattr__(self, name, value)

    @property
    def cuts_after(self) -> int:
        """How many bad epochs in a row bring a cut."""
        return max(self.patience, 1) if self.convention == "keras" else self.patience + 1

    @property
    def skipped_epochs(self) -> int:
        """How many epochs after a change of the rate do not count."""
        return max(self.cooldown - 1, 0) if self.convention == "keras" else self.cooldown

    def start(self) -> PlateauState:
        """Return the state before the first epoch."""
        worst = math.inf if self.mode == "min" else -math.inf
        return PlateauState(
            self, lr=self._kept(self.lr), best=None if self.convention == "keras" else worst
        )

    def update(self, state: PlateauState, metric: float) -> PlateauState:
        """Return the state after an epoch.

        Args:
            state: The state before it.
            metric: What the epoch ended with: a number or a tensor of one; NaN and infinities are
                allowed.

        Raises:
            ValueError: The state belongs to another policy, or the metric is no number.
        """
        if not isinstance(state, PlateauState) or state.policy != self:
            theirs = getattr(state, "policy", state)
            raise ValueError(f"state must be one of {self!r}, received one of {theirs!r}")
        metric = _metric("metric", metric)
        good = self._is_better(metric, state.best)
        spell = 0 if good else state.spell + 1
        wait = 0 if good or state.cooldown_left else state.wait + 1
        lr, cooldown_left = state.lr, max(state.cooldown_left - 1, 0)
        if (higher := self._raised(lr, spell, metric)) > lr:
            lr, wait, cooldown_left = higher, 0, self.skipped_epochs
        elif wait >= self.cuts_after:
            lr, wait, cooldown_left = self._cut(lr), 0, self.skipped_epochs
        non_finite_at = state.non_finite_at
        if non_finite_at is None and not math.isfinite(metric):
            non_finite_at = state.epochs
        best, epochs = metric if good else state.best, state.epochs + 1
        return PlateauState(self, lr, best, wait, cooldown_left, spell, epochs, non_finite_at)

    def _is_better(self, metric: float, best: float | None) -> bool:
        if best is None:
            return True
        sign = -1.0 if self.mode == "min" else 1.0
        if self.convention == "keras":
            # Keras moves the metric, not the best, and only then rounds both.
            metric, best = _compared(metric - sign * self.min_delta), _compared(best)
        elif self.threshold_mode == "rel":
            best *= 1.0 + sign * self.min_delta
        else:
            best += sign * self.min_delta
        return metric < best if self.mode == "min" else metric > best

    def _cut(self, lr: float) -> float:
        lower = max(lr * self.factor, self.min_lr)
        smallest = 0.0 if self.convention == "keras" else self.eps
        return self._kept(lower) if lr - lower > smallest else lr

    def _raised(self, lr: float, spell: int, metric: float) -> float:
        if self.raise_after is None or spell == 0 or spell % self.raise_after:
            return lr
        return self._kept(min(lr * self.raise_factor, self.lr)) if math.isfinite(metric) else lr

    def _kept(self, lr: float) -> float:
        """The rate as the framework's optimiser keeps it."""
        return _float32(lr) if self.convention == "keras" else lr

    def translate(self, convention: str) -> ReduceOnPlateau:
        r"""Return the policy that does the same by the other framework's convention.

        P and C stay what they are, so Keras' (p, c) becomes torch's (max(p, 1) − 1, max(c − 1, 0)),
        and torch's (p, c) Keras' (p + 1, c + 1), or (p + 1, 0) if c is 0. Torch gets an absolute
        threshold and ε = 0; Keras has no ε, and gets the rate where ε ends torch's cuts as a floor.

        Both then cut in the same epochs, to rates equal to the precision of float32, as long as the
        first metric is neither NaN nor the infinity of the wrong sign, float32 can tell the metrics
        and thresholds apart, and the rates stay above 1e-38.

        Args:
            convention: ``"keras"`` or ``"pytorch"``; the policy's own gives the policy itself.

        Raises:
            ValueError: Keras has no such policy: its threshold is never relative, and no floor
                stands for the ε of a rate that rises again.

        Example:
            >>> policy = ReduceOnPlateau(0.5, patience=5, cooldown=2).translate("pytorch")
            >>> policy.patience, policy.cooldown, policy.threshold_mode, policy.eps
            (4, 1, 'abs', 0.0)
        """
        if checks.choice("convention", convention, CONVENTIONS) == self.convention:
            return self
        if convention == "pytorch":
            changes = {"patience": self.cuts_after - 1, "cooldown": self.skipped_epochs, "eps": 0.0}
            return replace(self, convention=convention, **changes)
        if self.threshold_mode == "rel" and self.min_delta > 0:
            rule = "threshold_mode must be 'abs', or min_delta 0, since Keras' is absolute"
            raise ValueError(f"{rule}, received 'rel' and {self.min_delta!r}")
        if self.raise_after is not None and self.eps > 0:
            rule = "eps must be 0 for a rate that rises again, since Keras has none"
            raise ValueError(f"{rule}, received {self.eps!r}")
        changes = {"patience": self.cuts_after, "cooldown": self.cooldown and self.cooldown + 1}
        changes |= {"threshold_mode": "abs", "eps": ReduceOnPlateau.eps, "min_lr": self._floor()}
        return replace(self, convention=convention, **changes)

    def _floor(self) -> float:
        """The rate that no cut goes below: min_lr, or the one that ε holds up before."""
        lr = self.lr if self.eps > 0 else self.min_lr
        while (lower := self._cut(lr)) < lr:
            lr = lower
        return lr

    def restore(self, state: dict[str, Any]) -> PlateauState:
        """Return the state that `PlateauState.to_dict` described, to go on as if uninterrupted.

        Raises:
            ValueError: The dict describes no state, or one of another policy.
        """
        names = [item.name for item in fields(PlateauState)]
        if not isinstance(state, dict) or set(state) != set(names):
            raise ValueError(f"state must be a dict as to_dict() gives it, received {state!r}")
        policy, ours = state["policy"], self.to_config()
        if policy != ours:
            raise ValueError(f"state must be one of {ours!r}, received one of {policy!r}")
        best, first = state["best"], state["non_finite_at"]
        if best in ("nan", "inf", "-inf"):
            best = float(best)
        return PlateauState(
            self,
            checks.rate("lr", state["lr"]),
            best if best is None else _metric("best", best),
            *(checks.whole(name, state[name]) for name in names[3:-1]),
            first if first is None else checks.whole("non_finite_at", first),
        )

    def to_config(self) -> dict[str, Any]:
        """Return the class name and the parameters as a plain dict that JSON can hold."""
        return {"class": "ReduceOnPlateau", **asdict(self)}

    @staticmethod
    def from_config(config: dict[str, Any]) -> ReduceOnPlateau:
        """Rebuild the policy that `to_config` described.

        Raises:
            ValueError: The config names another class or does not fit the parameters.
        """
        if not isinstance(config, dict) or config.get("class") != "ReduceOnPlateau":
            raise ValueError(f"config must be that of a ReduceOnPlateau, received {config!r}")
        try:
            return ReduceOnPlateau(**{name: config[name] for name in config if name != "class"})
        except TypeError as error:
            raise ValueError(f"config does not fit ReduceOnPlateau: {error}") from error


def _metric(name: str, value: Any) -> float:
    try:
        if isinstance(value, str | bytes | bool | np.bool_):
            raise TypeError("no number, although float() takes it")
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        rule = f"{name} must be a real number, NaN and infinities allowed"
        raise ValueError(f"{rule}, received {value!r}") from error


def _float32(value: float) -> float:
    """The nearest number in float32; beyond its range an infinity."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _compared(value: float) -> float:
    """What Keras compares: float32, where TensorFlow takes numbers below 1.2e-38 for 0."""
    value = _float32(value)
    return 0.0 if abs(value) < np.finfo(np.float32).tiny else value
