"""Ensembles that were drawn, and what SciPy and scikit-learn say of them."""

import numpy as np
import scipy.special
from sklearn import metrics

from lrlab.ensembles import Ensemble


def softmax(logits: np.ndarray) -> np.ndarray:
    """SciPy's, in float64 along the last axis."""
    return scipy.special.softmax(np.asarray(logits, np.float64), axis=-1)


def drawn(seed: int, *shape: int, kind: str = "logits", skill: float = 2.0) -> Ensemble:
    """Members that know something: each adds to the right class's logit, all in float32."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(shape[-1], size=shape[1])
    logits = rng.normal(0, 2, shape)
    logits[:, np.arange(shape[1]), labels] += skill * rng.random((shape[0], 1))
    outputs = logits if kind == "logits" else softmax(logits)
    return Ensemble(outputs.astype(np.float32), labels, kind)


def rows_of(ensemble: Ensemble) -> np.ndarray:
    """The members' probabilities, by scipy."""
    outputs = ensemble.members.astype(np.float64)
    if ensemble.kind == "logits":
        return softmax(outputs)
    return outputs / outputs.sum(axis=-1, keepdims=True)


def log_loss(labels: np.ndarray, rows: np.ndarray) -> float:
    return metrics.log_loss(labels, rows, labels=range(rows.shape[-1]))


def from_classes(classes: list[list[int]], labels: list[int]) -> Ensemble:
    """Members that are sure of two classes, a row a member."""
    return Ensemble(np.eye(2)[np.array(classes)], labels, "probabilities")
