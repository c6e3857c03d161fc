"""How the loss bends where a training stands, and the first steps measured one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor, nn, optim

from lrlab.data import Dataset
from lrlab.optimizers import SGD
from lrlab.pytorch.evaluation import cross_entropy
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.weight_rates import preconditioners
from lrlab.training import FirstSteps, Recipe
from lrlab.utils import checks, instance

TOLERANCE = 1e-3  # of an eigenvalue, relative to it
BASIS = 12  # vectors of the size of the weights: fewer cost restarts, more cost first products
RESTARTS = 200  # of the search for an eigenvalue, each of a few products


class Eigenpair(NamedTuple):
    """The largest eigenvalue, and where it points.

    Args:
        value: The eigenvalue; NaN where there is none.
        vector: A unit vector of it, all weights one by one.
    """

    value: float
    vector: torch.Tensor


def first_steps(
    model: nn.Module, dataset: Dataset, recipe: Recipe, *, steps: int, device: str = "auto"
) -> FirstSteps:
    r"""Train for some steps, and measure the loss under the feet before each of them.

    A step of rate η along the gradient changes the loss of its batch, to second order, by
    :math:`-\eta\lVert g\rVert^2 (1 - \eta c/2)` with the curvature c along the gradient: it rises
    if :math:`\eta > 2/c`. The product Hg takes a second pass backwards, no matrix
    (Pearlmutter 1994). Frozen weights are left out of everything.

    Args:
        model: Network from images to logits; it is moved to the device and trained in place.
        dataset: Images and labels.
        recipe: How to train. The numbers are those of a step along the gradient, so the optimizer
            is plain `lrlab.optimizers.SGD` and no gradient is clipped.
        steps: How many steps, a positive integer, at most as many as the recipe has.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Returns:
        The measurements; where the loss is no longer finite they end, and ``stopped`` says so.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> recipe = Recipe(Constant(0.1), epochs=1)
        >>> measured = first_steps(network, data.load("blobs"), recipe, steps=3)
        >>> len(measured.loss), measured.lr
        (3, [0.1, 0.1, 0.1])

    References:
        Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147.
    """
    instance(Recipe, words="a Recipe")("recipe", recipe)
    if recipe.optimizer != SGD() or recipe.clip_norm is not None:
        raise ValueError(
            "recipe must have the optimizer SGD() and no clip_norm for these measures, received "
            f"{recipe.optimizer!r} and {recipe.clip_norm!r}"
        )
    measured = FirstSteps()
    with _as_written():
        training = Training(model, dataset, recipe, device=device)
        training.run([_Meter(measured)], steps=steps)
    return measured


def _as_written() -> AbstractContextManager[Any]:
    """Compute what ``torch.compile`` has compiled as it was written: that has second derivatives.

    Torch 2.5 cannot yet be told to.
    """
    set_stance = getattr(torch.compiler, "set_stance", None)
    return set_stance("force_eager") if set_stance else nullcontext()


class _Meter(Observer):
    """Notes loss, gradient and curvature before each update."""

    def __init__(self, measured: FirstSteps) -> None:
        self.measured = measured

    def before_update(self, training: Training) -> None:
        measured, loss = self.measured, training.loss.item()
        if not math.isfinite(loss):
            step = training.epoch * training.steps + training.step
            text = f"diverged: the loss is no longer finite in step {step}"
            measured.stopped = training.stopped = text
            return
        weights = [w for w in training.model.parameters() if w.requires_grad]
        norm, curvature = along_gradient(training.loss, weights)
        size = torch.stack([(w.detach() * w.detach()).sum() for w in weights]).sum().sqrt()
        measured.lr.append(training.lr)
        measured.loss.append(loss)
        measured.grad_norm.append(norm)
        measured.curvature.append(curvature)
        measured.update_ratio.append((training.lr * norm / size).item())


def along_gradient(loss: Tensor, weights: list[nn.Parameter]) -> tuple[float, float]:
    r"""Return the gradient's Euclidean norm, and the curvature along the gradient.

    The curvature is :math:`g^T H g / g^T g`, with H the Hessian; NaN where the gradient is 0.

    Args:
        loss: A scalar with its graph, which is kept.
        weights: What the loss is a function of; frozen ones are left out, and to those on which it
            does not depend it has the gradient 0.

    Raises:
        ValueError: There is no weight that requires a gradient.
    """
    weights = [weight for weight in weights if weight.requires_grad]
    if not weights:
        raise ValueError("weights must hold one that requires a gradient, received none")

    gradients = _gradient(loss, weights, create_graph=True)
    g = [each.detach() for each in gradients]
    bent = _hessian_times(g, gradients, weights)
    squared, product = _inner(g, g), _inner(bent, g)
    return squared.sqrt().item(), (product / squared).item()


def sharpness(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    optimizer: optim.Optimizer | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    start: Tensor | None = None,
    chunk: int = 1_000,
    seed: int = 0,
) -> Eigenpair:
    r"""Return the sharpness: the largest eigenvalue of the Hessian H of the mean loss.

    Gradient descent of rate η stays only where it is below :math:`2/\eta`, see
    `lrlab.theory.edge_of_stability`. For an optimizer that divides the gradient by numbers P of its
    memory, what counts is the largest eigenvalue of :math:`P^{-1/2} H P^{-1/2}`: the preconditioned
    sharpness. P is the rate divided by the rates that each weight has by itself: 1 in SGD,
    :math:`\sqrt v + \epsilon` in RMSProp, :math:`\sqrt{\hat v} + \epsilon` in Adam. Cohen et al.
    also multiply Adam's by :math:`1 - \beta_1^t`, which is 1 soon.

    The search is ARPACK's, by products of H with vectors. It ends when the residual is at most a
    thousandth of the eigenvalue; to that, then, it is one of H. The largest in number, not in size,
    is meant: negative ones do not hide it.

    The mode of the model counts and stays. In training mode batch normalisation takes the
    statistics of a chunk, so that one chunk of all images is the loss that descent on all of them
    has; dropout leaves out the same units in every product. Buffers and, on a CPU or with CUDA,
    the state of the random generators stay.

    Args:
        model: The network.
        images: What it takes, all of them, on its device.
        labels: What the loss compares its outputs with, one an image.
        optimizer: Torch's, whose P counts, after a step at least; None for H itself. Weights to
            which it gives no rate are left out, as frozen ones are.
        loss: The mean loss of some outputs and labels.
        start: Vector near which the search begins, such as that of a place nearby.
        chunk: How many images are in memory with all their activations at a time.
        seed: Seed of the vector from which the search begins, and of dropout.

    Returns:
        The eigenpair; the value is NaN where the loss is no longer finite, or no eigenvalue
        settles.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> model, x = nn.Linear(2, 1, bias=False), torch.tensor([[3.0, 0.0], [0.0, 1.0]])
        >>> square = lambda outputs, labels: ((outputs - labels) ** 2).mean()
        >>> round(sharpness(model, x, torch.zeros(2, 1), loss=square).value, 3)
        9.0

    References:
        Cohen, Kaur, Li, Kolter, Talwalkar 2021, arXiv:2103.00065; Cohen et al. 2022,
        arXiv:2207.14484, on adaptive optimizers.
    """
    if not len(images) or len(images) != len(labels):
        raise ValueError(
            f"images and labels must be equally many, one or more, received {len(images)} and "
            f"{len(labels)}"
        )
    roots: dict[Tensor, Tensor] = {w: torch.ones_like(w) for w in model.parameters()}
    if optimizer is not None:
        roots = {weight: p.rsqrt() for weight, p in preconditioners(optimizer).items()}
    weights = [weight for weight in model.parameters() if weight.requires_grad and weight in roots]
    if not weights:
        raise ValueError("model must have a weight that requires a gradient, received none")
    size, chunk = sum(weight.numel() for weight in weights), checks.count("chunk", chunk)
    seed = checks.whole("seed", seed)
    # Near a given vector it still has some of every direction, should another take the lead.
    begin = _unit(np.random.default_rng(seed).standard_normal(size))
    if start is not None:
        near = start.cpu().double().numpy()
        if near.shape != (size,) or not (np.isfinite(near).all() and near.any()):
            raise ValueError(f"start must be a finite vector, not 0, of the {size} weights")
        begin = _unit(near) + 0.1 * begin

    def gradient(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        with _copied_buffers(model), torch.random.fork_rng([x.device] if x.is_cuda else []):
            torch.manual_seed(seed)
            mean = loss(model(x), y)
        return _gradient(mean * (len(x) / len(images)), weights, create_graph=True)

    parts = [*zip(images.split(chunk), labels.split(chunk), strict=True)]
    with _as_written():
        # Without a second chunk the graph of the gradient serves every product.
        kept = [gradient(*parts[0])] if len(parts) == 1 else None

        def times(flat: np.ndarray) -> np.ndarray:
            pieces = torch.from_numpy(flat.ravel()).split([weight.numel() for weight in weights])
            vector = [
                roots[weight] * piece.to(weight).view_as(weight)
                for weight, piece in zip(weights, pieces, strict=True)
            ]
            product = np.zeros(size)
            for gradients in kept or (gradient(*part) for part in parts):
                bent = _hessian_times(vector, gradients, weights)
                scaled = [roots[w] * each for w, each in zip(weights, bent, strict=True)]
                product += torch.cat([each.ravel() for each in scaled]).cpu().double().numpy()
            return product

        value, vector = _largest(times, begin)
    return Eigenpair(value, torch.from_numpy(vector))


@contextmanager
def _copied_buffers(model: nn.Module) -> Iterator[None]:
    """Let a forward pass change copies: the pass of an update under way needs what it has seen."""
    buffers = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    for module, name, buffer in buffers:
        setattr(module, name, buffer.clone())
    try:
        yield
    finally:
        for module, name, buffer in buffers:
            setattr(module, name, buffer)


def _largest(
    times: Callable[[np.ndarray], np.ndarray], start: np.ndarray
) -> tuple[float, np.ndarray]:
    """The largest eigenvalue and its vector. ARPACK takes neither one dimension nor a 0."""
    size, product = len(start), times(start)
    if not np.isfinite(product).all():
        return math.nan, start
    if size == 1 or not product.any():
        return float(product[0] / start[0]), _unit(start)
    operator = LinearOperator((size, size), matvec=times, dtype=np.float64)
    try:
        values, vectors = eigsh(operator, k=1, which="LA", v0=start, ncv=min(BASIS, size),
                                tol=TOLERANCE, maxiter=RESTARTS)  # fmt: skip
    except ArpackError:
        return math.nan, start
    return float(values[0]), vectors[:, 0]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _gradient(of: Tensor, weights: list[nn.Parameter], create_graph: bool) -> tuple[Tensor, ...]:
    return torch.autograd.grad(
        of,
        weights,
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )


def _hessian_times(
    vector: Sequence[Tensor], gradients: Sequence[Tensor], weights: list[nn.Parameter]
) -> Sequence[Tensor]:
    """The Hessian times a vector, from the gradient with its graph, which is kept."""
    along = _inner(gradients, vector)
    # A network whose hidden units are all off has a loss without second derivative.
    if not along.requires_grad:
        return [torch.zeros_like(weight) for weight in weights]
    return _gradient(along, weights, create_graph=False)


def _inner(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(first, second, strict=True)]).sum()
