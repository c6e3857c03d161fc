"""A small language model in PyTorch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab.networks import NORMALISED, decoder_shapes
from lrlab.pytorch.networks import initialise
from lrlab.utils import checks


class Decoder(nn.Sequential):
    r"""A decoder as in GPT, small; 105,240 parameters as it stands.

    Symbols and places are embedded and added up. Each block adds to a representation x what its
    attention A, which sees the symbol and those before it, and its two dense layers D make of it,
    with layer normalisation N:

    .. math::
        \text{before:}\quad & x \leftarrow x + A(N_1(x)), \quad x \leftarrow x + D(N_2(x)), \\
        \text{after:}\quad & x \leftarrow N_1(x + A(x)), \quad x \leftarrow N_2(x + D(x)).

    The dense layers are four times as wide as the representation, with GELU between them. Where the
    blocks normalise before, another normalisation follows the last one. Maps symbols, integers of
    shape ``(N, length)``, to logits of the symbols that follow, ``(N, length, symbols)``. There is
    no dropout.

    Args:
        symbols: Number of symbols.
        length: Longest sequence.
        layers: Number of blocks.
        width: Numbers that represent a symbol; ``heads`` divides it.
        heads: Number of heads of each attention.
        normalise: ``"before"`` (pre-normalised, as in GPT-2) or ``"after"`` (post-normalised, as in
            the first Transformer).
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in Keras.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> sum(parameter.numel() for parameter in Decoder().parameters())
        105240

    References:
        Vaswani et al. 2017, arXiv:1706.03762; Radford et al. 2019 (GPT-2); Xiong et al. 2020,
        arXiv:2002.04745 (where to normalise).
    """

    def __init__(
        self,
        *,
        symbols: int = 24,
        length: int = 32,
        layers: int = 2,
        width: int = 64,
        heads: int = 4,
        normalise: str = "before",
        init: str = "kaiming_uniform",
        seed: int = 0,
    ) -> None:
        decoder_shapes(symbols, length, layers=layers, width=width, heads=heads)  # refuses
        first = checks.choice("normalise", normalise, NORMALISED) == "before"
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            embedding=_Embedding(symbols, length, width)
        )
        for i in range(1, layers + 1):
            parts[f"block{i}"] = _Block(width, heads, normalise_first=first)
        if first:
            parts["norm"] = nn.LayerNorm(width)
        parts["head"] = nn.Linear(width, symbols)
        super().__init__(parts)
        initialise(self, init, seed)


class _Embedding(nn.Module):
    """The sum of what stands for a symbol and what stands for its place."""

    def __init__(self, symbols: int, length: int, width: int) -> None:
        super().__init__()
        self.symbols, self.places = nn.Embedding(symbols, width), nn.Embedding(length, width)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.symbols(symbols) + self.places.weight[: symbols.shape[1]]


class _Block(nn.Module):
    """Attention and two dense layers, each added to its input."""

    def __init__(self, width: int, heads: int, *, normalise_first: bool) -> None:
        super().__init__()
        self.heads, self.normalise_first = heads, normalise_first
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        if self.normalise_first:
            x = x + self._attend(self.norm1(x))
            return x + self._transform(self.norm2(x))
        x = self.norm1(x + self._attend(x))
        return self.norm2(x + self._transform(x))

    def _attend(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        # Written out, since torch's fused attention has no second derivative on a CPU.
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
        return self.output((weights @ value).transpose(1, 2).flatten(-2))

    def _transform(self, x: Tensor) -> Tensor:
        return self.contract(functional.gelu(self.expand(x)))
