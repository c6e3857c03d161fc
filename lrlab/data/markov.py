"""A language whose entropy is known: symbols drawn from a Markov source of second order.

Of images nobody knows the loss that the best of all networks would reach. Here it is known exactly,
so what a network lacks is a number and not a rank.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Annotated

import numpy as np

from lrlab.data.dataset import Dataset
from lrlab.utils import Value, checks

LENGTH = 32  # symbols that are predicted in a sequence
PER_EPOCH = 2_400  # sequences; 150 updates of 16
SEQUENCES = 48_000
TEST_SEQUENCES = 1_000
TRAIN, TEST = 0, 1  # streams of random numbers


def _two_or_more(name: str, value: object) -> int:
    if (symbols := checks.count(name, value)) not in range(2, 27):
        raise ValueError(f"{name} must be 2 to 26, a letter each, received {value}")
    return symbols


@dataclass(frozen=True)
class MarkovLanguage(Value):
    r"""A stationary Markov source of second order.

    After the symbols a, b the next one is c with the probability :math:`P(c \mid a, b)`. For each
    of the :math:`S^2` pairs these S probabilities are drawn from a symmetric Dirichlet distribution
    of concentration α: the smaller α, the fewer symbols are likely.

    Args:
        symbols: Number S of symbols, 2 to 26.
        concentration: α, greater than 0.
        seed: Seed of the probabilities and of what is drawn from them, an integer of at least 0.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> language = MarkovLanguage()
        >>> round(language.entropy(), 3), round(language.entropy(32), 3)  # guessing costs ln 24
        (1.792, 1.831)
        >>> language.spell(language.sample(1)[0])
        'pkhvcdgbddpfllwbfxsbhrauqppcdixjx'
    """

    symbols: Annotated[int, _two_or_more] = 24
    _: KW_ONLY
    concentration: Annotated[float, checks.positive] = 0.15
    seed: Annotated[int, checks.whole] = 0

    @cached_property
    def transitions(self) -> np.ndarray:
        """The probabilities P(c | a, b), shape ``(S, S, S)``, with axes a, b, c."""
        rng = np.random.default_rng(self.seed)
        return rng.dirichlet(np.full(self.symbols, self.concentration), (self.symbols,) * 2)

    @cached_property
    def pairs(self) -> np.ndarray:
        """How often each pair a, b stands in an endless text, shape ``(S, S)``; the sum is 1."""
        states = self.symbols**2
        # From the pair (a, b) the source goes to (b, c). What is stationary solves π = πT with the
        # sum 1, which takes the place of one equation, as the others imply it.
        moves = np.zeros((self.symbols,) * 4)
        every = np.arange(self.symbols)
        moves[:, every, every, :] = self.transitions
        system = moves.reshape(states, states).T - np.eye(states)
        system[-1] = 1
        pairs = np.linalg.solve(system, np.eye(states)[-1]).reshape(self.symbols, self.symbols)
        if not (pairs > 0).all():
            raise ValueError(
                "concentration must be larger, or the seed another, for a language in which every "
                f"pair of symbols occurs, received {self}"
            )
        return pairs

    def entropy(self, length: int | None = None) -> float:
        r"""Return the least mean cross-entropy that any model can have, in nats per symbol.

        With two symbols before it, the next one has the entropy

        .. math:: H_2 = -\sum_{a, b} \pi(a, b) \sum_c P(c \mid a, b) \ln P(c \mid a, b),

        with only one before it :math:`H_1 = -\sum_{a, b} \pi(a, b) \ln \pi(a, b)/\pi(a)`.

        Args:
            length: Number L of symbols that are predicted in a sequence, of which the first has one
                symbol before it: the mean is then :math:`(H_1 + (L - 1) H_2)/L`. None for an
                endless text, :math:`H_2`.
        """
        second = float(np.sum(self.pairs[..., np.newaxis] * _information(self.transitions)))
        if length is None:
            return second
        length = checks.count("length", length)
        first = float(np.sum(self.pairs * -np.log(self._after_one)))
        return (first + (length - 1) * second) / length

    @cached_property
    def _after_one(self) -> np.ndarray:
        """The probabilities P(b | a) of a symbol with only one before it."""
        return self.pairs / self.pairs.sum(axis=1, keepdims=True)

    def sample(self, count: int, length: int = LENGTH + 1, *, stream: int = TRAIN) -> np.ndarray:
        """Draw sequences of symbols, each from the middle of an endless text.

        The same call gives the same sequences, and the first of more are those of fewer.

        Args:
            count: How many sequences, a positive integer.
            length: Symbols in each, 2 or more.
            stream: Number of the stream of random numbers, at least 0; others are independent.

        Returns:
            uint8 array of shape ``(count, length)``, symbols counted from 0.

        Raises:
            ValueError: An argument breaks its rule.
        """
        count, stream = checks.count("count", count), checks.whole("stream", stream)
        if checks.count("length", length) < 2:
            raise ValueError(f"length must be 2 or more, received {length}")
        blocks = range(-(-count // PER_EPOCH))
        return np.concatenate([self._block((self.seed, stream, i), length) for i in blocks])[:count]

    def _block(self, seed: tuple[int, ...], length: int) -> np.ndarray:
        """Draw as many sequences as an epoch has, symbol by symbol."""
        rng = np.random.default_rng(seed)
        bounds = self.transitions.cumsum(axis=-1)
        sequences = np.empty((PER_EPOCH, length), np.uint8)
        pairs = np.searchsorted(self.pairs.cumsum(), rng.random(PER_EPOCH) * self.pairs.sum())
        sequences[:, 0], sequences[:, 1] = np.divmod(pairs, self.symbols)
        for place in range(2, length):
            before = bounds[sequences[:, place - 2], sequences[:, place - 1]]
            drawn = rng.random((PER_EPOCH, 1)) * before[:, -1:]  # the sum is 1 but for rounding
            sequences[:, place] = np.sum(before <= drawn, axis=1)
        return sequences

    def losses(self, sequences: np.ndarray) -> np.ndarray:
        """Return what each symbol after the first costs the source itself, in nats.

        No model can have less than their mean but by chance, and a model's mean over the same
        sequences less theirs is its excess loss, freed of most of the chance in the sequences.

        Args:
            sequences: Symbols counted from 0, integers of shape ``(N, length)``.

        Returns:
            float64 array of shape ``(N, length - 1)``.
        """
        first, second, third = sequences[:, :-2], sequences[:, 1:-1], sequences[:, 2:]
        start = self._after_one[sequences[:, :1], sequences[:, 1:2]]
        return -np.log(np.hstack([start, self.transitions[first, second, third]]))

    def spell(self, symbols: np.ndarray) -> str:
        """Return a sequence as letters."""
        return "".join(chr(ord("a") + symbol) for symbol in symbols)

    def dataset(
        self, limit: int | None = None, test_limit: int | None = None, *, length: int = LENGTH
    ) -> Dataset:
        """Return sequences to train on, each epoch on new ones, and sequences to test on.

        Args:
            limit: Number of sequences to train on; None for 48,000, which is 20 epochs.
            test_limit: Number of sequences to test on; None for 1,000.
            length: Symbols that are predicted in a sequence, 1 or more.
        """
        wanted = SEQUENCES if limit is None else limit
        train = self.sample(wanted, length + 1)
        wanted = TEST_SEQUENCES if test_limit is None else test_limit
        test = self.sample(wanted, length + 1, stream=TEST)
        return Dataset(
            "markov",
            *(train[:, :-1], train[:, 1:].astype(np.int64)),
            *(test[:, :-1], test[:, 1:].astype(np.int64)),
            class_names=tuple(self.spell(np.arange(self.symbols))),
            source="embedded",
            per_epoch=PER_EPOCH if len(train) > PER_EPOCH else None,
        )


#: What ``load("markov")`` draws from.
LANGUAGE = MarkovLanguage()


def _information(probabilities: np.ndarray) -> np.ndarray:
    """Return −p ln p, which is 0 for p = 0."""
    return -probabilities * np.log(np.where(probabilities > 0, probabilities, 1))
