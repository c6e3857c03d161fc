"""A small language model in Keras."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from lrlab.networks import NORMALISED, decoder_shapes, draw
from lrlab.utils import checks

EPSILON = 1e-5  # of the normalisation, as in PyTorch; Keras' own is 1e-3


@keras.saving.register_keras_serializable("lrlab")
class _Places(layers.Layer):
    """Adds what stands for a place to what stands for the symbol there."""

    def __init__(self, length: int, **options: object) -> None:
        super().__init__(**options)
        self.length = length

    def build(self, shape: tuple[int, ...]) -> None:
        self.embeddings = self.add_weight(shape=(self.length, shape[-1]), name="embeddings")

    def call(self, symbols: keras.KerasTensor) -> keras.KerasTensor:
        return symbols + self.embeddings[: symbols.shape[1]]

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "length": self.length}


def Decoder(
    *,
    symbols: int = 24,
    length: int = 32,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    normalise: str = "before",
    init: str = "kaiming_uniform",
    seed: int = 0,
) -> keras.Model:
    """A decoder as in GPT, small; 105,240 parameters as it stands.

    `lrlab.pytorch.Decoder` says what it computes, and what the arguments mean; from the same seed
    the two give the same logits. Attention is Keras' own ``MultiHeadAttention``. Maps symbols,
    integers of shape ``(N, length)``, to logits of the symbols that follow,
    ``(N, length, symbols)``.

    Args:
        symbols: Number of symbols.
        length: Length of a sequence.
        layers: Number of blocks.
        width: Numbers that represent a symbol; ``heads`` divides it.
        heads: Number of heads of each attention.
        normalise: ``"before"`` or ``"after"``.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in PyTorch.

    Returns:
        The network, built and not compiled.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> Decoder(seed=1).count_params()
        105240
    """
    shapes = decoder_shapes(symbols, length, layers=layers, width=width, heads=heads)
    first = checks.choice("normalise", normalise, NORMALISED) == "before"
    inputs = keras.Input((length,), dtype="int32")
    x = keras.layers.Embedding(symbols, width, name="symbols")(inputs)
    x = _Places(length, name="places")(x)
    for i in range(1, layers + 1):
        x = _block(x, f"block{i}", heads, normalise_first=first)
    if first:
        x = _normalised(x, "norm")
    outputs = keras.layers.Dense(symbols, name="head")(x)
    network = keras.Model(inputs, outputs, name="Decoder")
    for name, (kernel, bias) in draw(shapes, init, seed).items():
        _set(network, name, kernel.T, bias, heads)
    return network


def _block(
    x: keras.KerasTensor, name: str, heads: int, *, normalise_first: bool
) -> keras.KerasTensor:
    width = x.shape[-1]
    attention = layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")
    expand = layers.Dense(4 * width, activation="gelu", name=f"{name}_expand")
    contract = layers.Dense(width, name=f"{name}_contract")

    def attend(x: keras.KerasTensor) -> keras.KerasTensor:
        return attention(x, x, use_causal_mask=True)

    for part, norm in ((attend, "norm1"), (lambda x: contract(expand(x)), "norm2")):
        norm = f"{name}_{norm}"
        x = x + part(_normalised(x, norm)) if normalise_first else _normalised(x + part(x), norm)
    return x


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)(x)


def _set(network: keras.Model, name: str, kernel: np.ndarray, bias: np.ndarray, heads: int) -> None:
    """Put a kernel ``(in, out)`` and a bias where Keras has them."""
    block, _, part = name.rpartition(".")
    if part in ("symbols", "places"):
        network.get_layer(name).set_weights([kernel])
    elif part in ("query", "key", "value", "output"):
        # Keras keeps the heads apart: (in, heads, width of a head), and the other way round.
        dense, width = network.get_layer(f"{block}_attention"), len(kernel)
        shape = (heads, -1, width) if part == "output" else (width, heads, -1)
        dense = getattr(dense, f"{part}_dense")
        dense.set_weights([kernel.reshape(shape), bias.reshape(dense.bias.shape)])
    else:  # without a dot, which PyTorch behind Keras does not allow in a name
        network.get_layer(name.replace(".", "_")).set_weights([kernel, bias])
