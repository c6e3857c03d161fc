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
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Annotated, Any

from lrlab.plateau.conventions import CONVENTIONS
from lrlab.plateau.state import PlateauState
from lrlab.utils import Value, checks

BY_CONVENTION: Any = None  # a parameter that is left out takes the default of its convention


@dataclass(frozen=True)
class ReduceOnPlateau(Value):
    r"""Multiply the rate by a factor γ after a number of epochs without improvement.

    An epoch is good if its metric m is better than the best so far, b, by more than a threshold δ,
    and b then becomes m: with ``mode="min"`` if :math:`m < b - \delta`, with ``"max"`` if
    :math:`m > b + \delta`; a relative threshold is δb instead of δ. Any other epoch is bad. P bad
    epochs in a row cut the rate to :math:`\max(\gamma\eta, \eta_{\min})`, and the C epochs after a
    cut do not count. The frameworks' patience p and cooldown c are not the same P and C, nor do
    they treat NaN, infinities and rounding alike: see `KerasConvention` and `PyTorchConvention`.

    A relative threshold suits metrics above 0: below, it lies on the wrong side of b, so that a
    metric a little worse than b counts as better, and b drifts.

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

    lr: Annotated[float, checks.rate]
    _: KW_ONLY
    convention: Annotated[str, checks.one_of(*CONVENTIONS)] = "keras"
    factor: Annotated[float, checks.fraction] = 0.1
    patience: Annotated[int, checks.whole] = 10
    mode: Annotated[str, checks.one_of("min", "max")] = "min"
    min_delta: Annotated[float, checks.non_negative] = 1e-4
    threshold_mode: str = BY_CONVENTION
    cooldown: Annotated[int, checks.whole] = 0
    min_lr: Annotated[float, checks.rate] = 0.0
    eps: Annotated[float, checks.non_negative] = 1e-8
    raise_after: Annotated[int | None, checks.optional(checks.count)] = None
    raise_factor: Annotated[float | None, checks.optional(checks.positive)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        convention = CONVENTIONS[self.convention]
        rule = "that float32, in which Keras keeps it, can hold"
        checks.number("lr", self.lr, rule, lambda x: math.isfinite(convention.kept(x)))
        if self.threshold_mode is None:
            self._store("threshold_mode", convention.threshold_modes[0])
        checks.choice("threshold_mode", self.threshold_mode, convention.threshold_modes)
        if (self.threshold_mode, self.mode) == ("rel", "min"):
            rule = "in [0, 1) for threshold_mode 'rel' and mode 'min'"
            checks.number("min_delta", self.min_delta, rule, lambda x: x < 1)
        checks.number("min_lr", self.min_lr, "in [0, lr]", lambda x: x <= self.lr)
        if self.eps != ReduceOnPlateau.eps and not convention.has_eps:
            raise ValueError(f"eps belongs to convention 'pytorch' alone, received {self.eps!r}")
        if self.raise_after is not None or self.raise_factor is not None:
            after = checks.count("raise_after", self.raise_after)
            rule = f"of at least {self.cuts_after}, since there is no cut to undo before"
            checks.number("raise_after", after, rule, lambda x: x >= self.cuts_after)
            rule = "greater than 1 where raise_after is given"
            checks.number("raise_factor", self.raise_factor, rule, lambda x: x > 1)

    @property
    def cuts_after(self) -> int:
        """How many bad epochs in a row bring a cut."""
        return CONVENTIONS[self.convention].cuts_after(self.patience)

    @property
    def skipped_epochs(self) -> int:
        """How many epochs after a change of the rate do not count."""
        return CONVENTIONS[self.convention].skipped_epochs(self.cooldown)

    def start(self) -> PlateauState:
        """Return the state before the first epoch."""
        convention = CONVENTIONS[self.convention]
        return PlateauState(self, convention.kept(self.lr), convention.first_best(self.mode))

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
        metric, convention = _metric("metric", metric), CONVENTIONS[self.convention]
        good = state.best is None or convention.is_better(self, metric, state.best)
        spell = 0 if good else state.spell + 1
        wait = 0 if good or state.cooldown_left else state.wait + 1
        lr, cooldown_left = state.lr, max(state.cooldown_left - 1, 0)
        if (higher := self._raised(lr, spell, metric)) > lr:
            lr, wait, cooldown_left = higher, 0, self.skipped_epochs
        elif wait >= self.cuts_after:
            lr, wait, cooldown_left = convention.cut(self, lr), 0, self.skipped_epochs
        non_finite_at = state.non_finite_at
        if non_finite_at is None and not math.isfinite(metric):
            non_finite_at = state.epochs
        best, epochs = metric if good else state.best, state.epochs + 1
        return PlateauState(self, lr, best, wait, cooldown_left, spell, epochs, non_finite_at)

    def _raised(self, lr: float, spell: int, metric: float) -> float:
        if self.raise_after is None or self.raise_factor is None or not math.isfinite(metric):
            return lr
        if spell == 0 or spell % self.raise_after:
            return lr
        return CONVENTIONS[self.convention].kept(min(lr * self.raise_factor, self.lr))

    def translate(self, convention: str) -> ReduceOnPlateau:
        r"""Return the policy that does the same by the other framework's convention.

        P and C stay what they are, so Keras' (p, c) becomes torch's (max(p, 1) − 1, max(c − 1, 0)),
        and torch's (p, c) Keras' (p + 1, c + 1), or (p + 1, 0) if c is 0. Torch gets an absolute
        threshold and ε = 0.

        Both then cut in the same epochs, to rates equal to the precision of float32, as long as the
        first metric is neither NaN nor the infinity of the wrong sign, float32 can tell the metrics
        and thresholds apart, and the rates stay above 1e-38.

        Args:
            convention: ``"keras"`` or ``"pytorch"``; the policy's own gives the policy itself.

        Raises:
            ValueError: Keras has no such policy: its threshold is never relative, and it has no ε.

        Example:
            >>> policy = ReduceOnPlateau(0.5, patience=5, cooldown=2).translate("pytorch")
            >>> policy.patience, policy.cooldown, policy.threshold_mode, policy.eps
            (4, 1, 'abs', 0.0)
        """
        checks.choice("convention", convention, tuple(CONVENTIONS))
        if convention == self.convention:
            return self
        return replace(self, **CONVENTIONS[convention].parameters_of(self))

    def restore(self, state: Any) -> PlateauState:
        """Return the state that `PlateauState.to_dict` described, to go on as if uninterrupted.

        Raises:
            ValueError: The dict describes no state, or one of another policy.
        """
        names = [item.name for item in fields(PlateauState)]
        if not isinstance(state, dict) or set(state) != set(names):
            raise ValueError(
                f"state must be a dict as to_dict() gives it, received {checks.shown(state)}"
            )
        policy, ours = state["policy"], self.to_config()
        if policy != ours:
            raise ValueError(f"state must be one of {ours!r}, received one of {policy!r}")
        best, first = state["best"], state["non_finite_at"]
        if best in ("nan", "inf", "-inf"):
            best = float(best)
        wait, cooldown_left, spell, epochs = (
            checks.whole(name, state[name]) for name in ("wait", "cooldown_left", "spell", "epochs")
        )
        return PlateauState(
            self,
            checks.rate("lr", state["lr"]),
            best if best is None else _metric("best", best),
            wait,
            cooldown_left,
            spell,
            epochs,
            checks.optional(checks.whole)("non_finite_at", first),
        )


def _metric(name: str, value: Any) -> float:
    try:
        kind = getattr(getattr(value, "dtype", None), "kind", "f")
        if isinstance(value, str | bytes | bytearray | memoryview | bool) or kind in "bmMSUc":
            raise TypeError("no number, although float() takes it")
        return float(value)
    except Exception as error:
        rule = f"{name} must be a real number, NaN and infinities allowed"
        raise ValueError(f"{rule}, received {checks.shown(value)}") from error
