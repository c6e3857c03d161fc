"""What the explorer of plateaus gives to copy, executed: the frameworks have the rates it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page

from tests.site.explorers import COPY, copying

# Keras 3.15's callback converts the rate in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with copying(chromium, tmp_path_factory.mktemp("lines"), "plateau") as page:
        yield page


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
@pytest.mark.parametrize(
    "fragment",
    [
        "seed=7&noise=0.2&cooldown=3&min_lr=0.002&factor=0.3",
        "metric=flat&patience=0&cooldown=1&threshold_mode=abs&min_delta=0.05",
        "metric=rising&mode=max&patience=2&min_delta=0.3&lr=1&min_lr=1",
        "metric=smooth&noise=0&min_delta=0.04&same=true",
    ],
)
def test_the_lines_give_the_rates(page: Page, framework: str, fragment: str) -> None:
    hash_ = f"#plateau?{fragment}&lines={framework}"
    lines, course = page.evaluate(COPY, ["plateau", "course", hash_])
    seen = executed(lines, course["metrics"])
    assert seen == pytest.approx(course[framework]["rates"][:40], rel=1e-6)


def executed(lines: str, metrics: list[float]) -> list[float]:
    """The rate in each epoch, when the lines for a framework are executed with these metrics."""
    seen: list[float] = []

    class Model(torch.nn.Linear):
        """What PyTorch takes for a model, and with the methods that Keras' lines call."""

        def compile(self, optimizer: Any, **_: Any) -> None:
            self.optimizer = optimizer

        def fit(self, *_: Any, epochs: int, callbacks: list[Any], **__: Any) -> None:
            (callback,) = callbacks
            callback.set_model(self)
            callback.on_train_begin()
            for epoch in range(epochs):
                seen.append(float(self.optimizer.learning_rate))
                logs = dict.fromkeys(("val_loss", "val_accuracy"), metrics[epoch])
                callback.on_epoch_end(epoch, logs)

    def train_and_validate() -> float:
        seen.append(scope["optimizer"].param_groups[0]["lr"])
        return metrics[len(seen) - 1]

    scope: dict[str, Any] = dict.fromkeys(("loss", "train_data", "held_out"))
    scope |= {"model": Model(1, 1), "train_and_validate": train_and_validate}
    exec(lines, scope)
    return seen
