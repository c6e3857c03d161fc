"""Many models of one architecture trained in one program, for GPUs that one model leaves idle.

Each weight is a stack of those of all models, and so is each gradient: the kernels are as many as
for one model, and on a GPU the kernels of an update are replayed as one graph.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from lrlab.data import Dataset
from lrlab.optimizers import twin
from lrlab.pytorch.device import device_name, pick_device, to_device
from lrlab.pytorch.evaluation import EVALUATION_BATCH, check_outputs
from lrlab.training import History, Recipe, provenance
from lrlab.utils import bar, instance

PLAIN_CALLS = 3  # of a step before its graph is captured: libraries set themselves up in them


def fit_many(
    models: Sequence[nn.Module],
    dataset: Dataset,
    recipes: Sequence[Recipe],
    *,
    device: str = "auto",
) -> list[History]:
    """Train several models of one architecture together, each by a recipe of its own.

    What `fit` would do with one model after another, but for rounding: the same rates, the same
    order of the images, the same losses. The models may differ in their weights, and the recipes in
    all but the epochs and the batch size. A model whose loss is no longer finite ends as it does
    in `fit`, and the others go on. Where all recipes have the same seed, the models share their
    batches, which is faster.

    Args:
        models: Networks from float images ``(N, channels, height, width)`` to logits
            ``(N, classes)``; they are moved to the device and trained in place.
        dataset: Images and labels.
        recipes: What to do, one recipe a model; the optimizers are `SGD` or `Momentum` of
            `lrlab.optimizers`, and no run is watched by a plateau policy.
        device: A torch device, or ``"auto"``: a GPU. A CPU, on which `fit` is faster, has to be
            asked for by name.

    Returns:
        The histories, in the order of the models. Their ``seconds`` are a model's share of the
        epoch.

    Raises:
        ValueError: An argument breaks its rule, the models differ by more than their values, or
            there is no GPU.

    Example:
        >>> from lrlab import Constant, data
        >>> networks = [nn.Sequential(nn.Flatten(), nn.Linear(2, 3)) for _ in range(2)]
        >>> recipes = [Recipe(Constant(lr), epochs=9) for lr in (0.5, 0.0)]
        >>> slow = fit_many(networks, data.load("blobs"), recipes, device="cpu")[1]
        >>> slow.lr[-1], slow.test_loss[0] == slow.test_loss[-1]
        (0.0, True)

    References:
        Wang et al. 2021, arXiv:2102.02344 (training jobs fused horizontally).
    """
    place = pick_device(device)
    if device == "auto" and place.type == "cpu":
        raise ValueError(
            "device must be a GPU, and there is none here: on a CPU fit, model after model, is "
            "faster; name 'cpu' to have it nevertheless"
        )
    models, recipes = list(models), list(recipes)
    _check(models, recipes)
    if dataset.sequential or dataset.per_epoch is not None:
        raise ValueError(
            "dataset must be of images, all of which an epoch takes once, where models are trained "
            f"together, received {dataset}"
        )
    together = _Together(models, dataset, recipes, place)
    name = device_name(place) + (f", {len(models)} models at once" if len(models) > 1 else "")
    histories = [
        History(
            recipe,
            network=type(model).__name__,
            dataset=dataset.name,
            train_images=len(dataset.x_train),
            provenance=provenance("torch", torch.__version__, name, dataset.fingerprint),
        )
        for model, recipe in zip(models, recipes, strict=True)
    ]
    with bar(range(recipes[0].epochs), f"training {len(models)} models", "epoch") as epochs:
        for epoch in epochs:
            _note(together, epoch, histories)
            if all(history.stopped for history in histories):
                break
    return histories


def _check(models: list[nn.Module], recipes: list[Recipe]) -> None:
    """Refuse what cannot be trained together."""
    if not models or len(recipes) != len(models):
        raise ValueError(
            f"recipes must be one for each of one or more models, received {len(recipes)} for "
            f"{len(models)}"
        )
    for recipe in recipes:
        instance(Recipe, words="a Recipe")("recipes", recipe)
        if twin(recipe.optimizer, "pytorch")[0] != "SGD":
            raise ValueError(
                "recipes must have SGD or Momentum as their optimizer to be trained together, "
                f"received {recipe.optimizer!r}"
            )
        if recipe.watch is not None:
            raise ValueError(f"recipes must be watched by no policy, received {recipe.watch!r}")
    for name in ("epochs", "batch_size"):
        if len(values := sorted({getattr(recipe, name) for recipe in recipes})) > 1:
            raise ValueError(f"recipes must agree in {name}, received {values}")
    first = _architecture(models[0])
    for number, model in enumerate(models):
        if _architecture(model) != first:
            raise ValueError(
                f"models must be of one architecture: model {number} has other layers than model 0"
            )
    if len({id(model) for model in models}) < len(models):
        raise ValueError("models must be different ones, received one of them twice")


def _architecture(model: nn.Module) -> Any:
    """What two models have in common if one can take the other's place but for its values."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return str(model), [(name, t.shape, t.dtype, t.requires_grad) for name, t in tensors]


def _note(together: _Together, epoch: int, histories: list[History]) -> None:
    """Train an epoch, and note it in the histories of the models that have not diverged."""
    started = time.perf_counter()
    rates = together.train(epoch)
    metrics = together.metrics()
    seconds = (time.perf_counter() - started) / len(histories)
    for number, history in enumerate(histories):
        if history.stopped:
            continue
        for step, lr in enumerate(rates[:, number].tolist()):
            history.record_lr(epoch + step / len(rates), lr)
        own = {name: values[number] for name, values in metrics.items()}
        history.record_epoch(**own, seconds=seconds)
        if history.stopped or history.epochs == history.recipe.epochs:
            together.give_back(number)


class _Together:
    """Models as one: a table of their weights, a row a model, and a step that moves all of it."""

    def __init__(
        self, models: list[nn.Module], dataset: Dataset, recipes: list[Recipe], device: torch.device
    ) -> None:
        self.models, self.recipes, self.device = models, recipes, device
        self.train_set = to_device(dataset.x_train, dataset.y_train, device)
        self.test_set = to_device(dataset.x_test, dataset.y_test, device)
        for model in models:
            model.to(device)
        check_outputs(models[0], self.test_set[0][:1], dataset.classes)
        self.shell = deepcopy(models[0]).to("meta")  # layers that take their values from elsewhere
        for layer in self.shell.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.forward = partial(_without_cudnn, layer.forward)  # type: ignore[method-assign]
        shapes = {name: weight.shape for name, weight in _trained(models[0]).items()}
        with torch.no_grad():
            self.weights = torch.stack([_row(model) for model in models])
            kept = [_kept(model) for model in models]
            self.kept = {name: torch.stack([own[name] for own in kept]) for name in kept[0]}
        parts = self.weights.split([shape.numel() for shape in shapes.values()], dim=1)
        pairs = zip(shapes.items(), parts, strict=True)
        self.views = {name: part.unflatten(1, shape) for (name, shape), part in pairs}
        self.update = _Update(recipes, self.weights)
        self.shuffles = {r.seed: torch.Generator().manual_seed(r.seed) for r in recipes}
        self.total = torch.zeros(len(models), device=device)
        self.replays: dict[int, _Replay] = {}

    def train(self, epoch: int) -> np.ndarray:
        """Train an epoch; return the rates of its updates, a column a model."""
        images = len(self.train_set[1])
        rates = _rates(self.recipes, epoch, self.recipes[0].steps_per_epoch(images))
        drawn = {s: torch.randperm(images, generator=g) for s, g in self.shuffles.items()}
        orders = [drawn[recipe.seed] for recipe in self.recipes]
        order = orders[0] if len(drawn) == 1 else torch.stack(orders)
        batches = order.to(self.device).split(self.recipes[0].batch_size, dim=-1)
        table = torch.from_numpy(rates).to(self.device, torch.float32)
        self.shell.train()
        self.total.zero_()
        for batch, row in zip(batches, table, strict=True):
            size = batch.shape[-1]
            if size not in self.replays:
                self.replays[size] = _Replay(self.device)
            self.replays[size](self._step, batch, row)
        return rates

    def _step(self, batch: Tensor, rates: Tensor) -> None:
        """Update each model with its batch, a row of several, or with the one of all."""
        weights = {name: view.detach().requires_grad_() for name, view in self.views.items()}
        images, labels = (part[batch] for part in self.train_set)
        losses = self._losses(self._logits(weights, images, labels), labels).mean(dim=1)
        # A loss depends on the weights of its own model alone, and so does the sum's gradient.
        gradients = torch.autograd.grad(losses.sum(), tuple(weights.values()))
        with torch.no_grad():
            self.update(torch.cat([part.flatten(1) for part in gradients], dim=1), rates)
            self.total += batch.shape[-1] * losses

    @torch.no_grad()
    def metrics(self) -> dict[str, list[float]]:
        """Return the losses and the accuracy of each model after an epoch."""
        self.shell.eval()
        loss, correct = torch.zeros_like(self.total), torch.zeros_like(self.total)
        for images, labels in zip(*(p.split(EVALUATION_BATCH) for p in self.test_set), strict=True):
            logits = self._logits(self.views, images, labels)
            loss += self._losses(logits, labels).sum(dim=1)
            correct += (logits.argmax(dim=2) == labels).sum(dim=1)
        images = len(self.test_set[1])
        return {
            "train_loss": [total / len(self.train_set[1]) for total in self.total.tolist()],
            "test_loss": [total / images for total in loss.tolist()],
            "test_accuracy": [count / images for count in correct.tolist()],
        }

    def _logits(self, weights: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        """Return the outputs ``(models, N, classes)``; several rows of labels are one a model."""

        def call(weights: dict[str, Tensor], kept: dict[str, Tensor], images: Tensor) -> Any:
            return functional_call(self.shell, (weights, kept), (images,))

        each = 0 if labels.dim() == 2 else None
        return vmap(call, in_dims=(0, 0, each), randomness="different")(weights, self.kept, images)

    @staticmethod
    def _losses(logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each model on each image, shape ``(models, N)``."""
        shape = logits.shape[:2]
        labels = labels.expand(shape).flatten()
        losses = functional.cross_entropy(logits.flatten(0, 1), labels, reduction="none")
        return losses.view(shape)

    @torch.no_grad()
    def give_back(self, number: int) -> None:
        """Put the values of the model with this number into the model itself."""
        model = self.models[number].eval()
        own = {name: view[number] for name, view in (self.views | self.kept).items()}
        for name, value in (_trained(model) | _kept(model)).items():
            value.copy_(own[name])


def _without_cudnn(forward: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Normalise without cuDNN, which asks how a tensor lies in memory and may not under vmap."""
    with torch.backends.cudnn.flags(enabled=False):
        return forward(values)


class _Update:
    """The step of torch's SGD with other numbers for each row of a table of weights."""

    def __init__(self, recipes: list[Recipe], weights: Tensor) -> None:
        def column(values: Iterable[float]) -> Tensor:
            return torch.tensor(list(values), device=weights.device).unsqueeze(1)

        options = [twin(recipe.optimizer, "pytorch")[1] for recipe in recipes]
        momentum = [option.get("momentum", 0.0) for option in options]
        nesterov = [option.get("nesterov", False) for option in options]
        self.weights = weights
        self.decay = column(option["weight_decay"] for option in options)
        self.norm = column(recipe.clip_norm or math.inf for recipe in recipes)
        self.clips = any(recipe.clip_norm for recipe in recipes)
        self.momentum = column(momentum)
        # What an update takes of the gradient and of the velocity: Nesterov's takes both.
        self.of_gradient = column(map(float, nesterov))
        self.of_velocity = column(b if n else 1.0 for b, n in zip(momentum, nesterov, strict=True))
        self.later_share = column(1 - option.get("dampening", 0.0) for option in options)
        self.share = torch.ones_like(self.later_share)  # the first gradient counts in full
        self.velocity = torch.zeros_like(weights) if any(momentum) else None

    def __call__(self, gradient: Tensor, rates: Tensor) -> None:
        """Move the weights, in place as all that a graph replays."""
        if self.clips:
            length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            factor = (self.norm / (length + 1e-6)).clamp(max=1)
            gradient = gradient * factor.masked_fill(self.norm.isinf(), 1.0)
        gradient = gradient + self.decay * self.weights
        if self.velocity is not None:
            self.velocity.mul_(self.momentum).add_(self.share * gradient)
            self.share.copy_(self.later_share)
            gradient = self.of_gradient * gradient + self.of_velocity * self.velocity
        self.weights.sub_(rates.unsqueeze(1) * gradient)


class _Replay:
    """Repeats a step that changes tensors in place; on a GPU by one graph of its kernels.

    The first calls run it as it is, since libraries set themselves up in them. What cannot be
    captured goes on like that.
    """

    def __init__(self, device: torch.device) -> None:
        self.plain: float = PLAIN_CALLS if device.type == "cuda" else math.inf
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: tuple[Tensor, ...] = ()

    def __call__(self, step: Callable[..., None], *inputs: Tensor) -> None:
        """Do the step, every time the same, with inputs of the same shapes."""
        if self.graph is None and self.plain <= 0:
            self._capture(step, inputs)
        if self.graph is None:
            self.plain -= 1
            step(*inputs)
            return
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.graph.replay()

    def _capture(self, step: Callable[..., None], inputs: tuple[Tensor, ...]) -> None:
        """Record the kernels of the step without running them."""
        self.inputs, graph = tuple(given.clone() for given in inputs), torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph):
                step(*self.inputs)
            self.graph = graph
        except RuntimeError as error:
            torch.cuda.set_stream(stream)  # a capture that fails does not leave its own
            torch.cuda.synchronize()
            self.plain = math.inf
            warnings.warn(f"the step runs without a CUDA graph: {error}", stacklevel=2)


def _trained(model: nn.Module) -> dict[str, Tensor]:
    """The weights that an optimizer moves."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """The other values: frozen weights, and buffers such as running means."""
    frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
    return frozen | dict(model.named_buffers())


def _row(model: nn.Module) -> Tensor:
    return torch.cat([weight.flatten() for weight in _trained(model).values()])


def _rates(recipes: list[Recipe], epoch: int, steps: int) -> np.ndarray:
    """Return the rates of an epoch's updates, a column a recipe."""
    moments = (epoch * steps + np.arange(steps)) / steps
    columns = [r.schedule(moments if r.per == "step" else np.full(steps, epoch)) for r in recipes]
    return np.stack(columns, axis=1)
