"""How fast does LeNet see images of Fashion-MNIST once?

    make bench        (or: python benchmarks/training_speed.py [SEEDS [IMAGES]])

Of the 60,000 images a third, unless said otherwise: all ways take time in proportion. Side by side,
in one run, one epoch in batches of 128 and the test accuracy after it. What is done
once for a whole run, such as moving the images to the device, is not counted:

- `lrlab.pytorch.fit`, which keeps the images on the device as one tensor;
- the usual PyTorch loop, a `DataLoader` that turns one image after another from a PIL image
  into a float tensor and normalises it, with 0 and with 2 worker processes;
- Keras' own `model.fit`, plain, on the same tensor of images, and `lrlab.keras.fit`.

Both PyTorch ways start from the same weights and meet the images in the same order, so their losses
have to agree; Keras starts from the same weights and draws its own order.
"""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader

from lrlab import Constant, Recipe, data, pytorch
from lrlab.pytorch import device_name, pick_device

ROOT = Path(__file__).resolve().parents[1]
BATCH, LR = 128, 0.1
DEVICE = pick_device()


class PerImage(torch.utils.data.Dataset):
    """One image at a time, as torchvision's `FashionMNIST`, `ToTensor` and `Normalize` do it.

    torchvision itself cannot be installed beside every build of PyTorch, so its operations stand
    here, its checks included.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self.images, self.labels = torch.from_numpy(images[..., 0]), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.images[index].numpy())
        return normalize(to_tensor(image), [0.5], [0.5]), int(self.labels[index])


def to_tensor(image: Image.Image) -> torch.Tensor:
    """PIL image to float tensor in [0, 1], shape (1, height, width)."""
    pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
    pixels = pixels.view(image.size[1], image.size[0], 1).permute((2, 0, 1)).contiguous()
    return pixels.to(dtype=torch.float32).div(255)


def normalize(tensor: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    """Subtract the mean and divide by the deviation of each channel."""
    tensor = tensor.clone()
    means = torch.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    stds = torch.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (stds == 0).any():
        raise ValueError(f"std must not be zero, received {std}")
    return tensor.sub_(means.view(-1, 1, 1)).div_(stds.view(-1, 1, 1))


Result = tuple[float, float, float]  # seconds, training loss, test accuracy


def per_image_loop(dataset: data.Dataset, seed: int, workers: int) -> Result:
    """Train and test through a `DataLoader`."""
    model = pytorch.LeNet(seed=seed).to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    order = torch.randperm(len(dataset.x_train), generator=torch.Generator().manual_seed(seed))
    train = PerImage(dataset.x_train, dataset.y_train)
    test = PerImage(dataset.x_test, dataset.y_test)
    start, total = time.perf_counter(), 0.0
    for x, y in DataLoader(train, BATCH, sampler=order.tolist(), num_workers=workers):
        x, y = x.to(DEVICE), y.to(DEVICE)
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    correct = 0
    with torch.no_grad():
        for x, y in DataLoader(test, BATCH, num_workers=workers):
            correct += (model(x.to(DEVICE)).argmax(dim=1) == y.to(DEVICE)).sum().item()
    return time.perf_counter() - start, total / len(train), correct / len(test)


def with_fit(dataset: data.Dataset, seed: int) -> Result:
    """Train and test with lrlab's `fit`."""
    model = pytorch.LeNet(seed=seed)
    history = pytorch.fit(model, dataset, recipe(seed))
    return history.seconds[0], history.train_loss[0], history.test_accuracy[0]


def with_keras_fit(dataset: data.Dataset, seed: int) -> Result:
    """Train and test with lrlab's `fit` for Keras."""
    import lrlab.keras as lrkeras  # late: the other ways do without TensorFlow

    model = lrkeras.LeNet(seed=seed)
    history = lrkeras.fit(model, dataset, recipe(seed))
    return history.seconds[0], history.train_loss[0], history.test_accuracy[0]


def recipe(seed: int) -> Recipe:
    """What both ways of lrlab are asked to do."""
    return Recipe(Constant(LR), epochs=1, batch_size=BATCH, seed=seed)


def plain_keras(dataset: data.Dataset, seed: int) -> Result:
    """Train and test with Keras' `model.fit`, nothing of lrlab's in between."""
    import keras

    import lrlab.keras as lrkeras

    model = lrkeras.LeNet(seed=seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(LR), loss=loss, metrics=["accuracy"])
    train, test = data.as_floats(dataset.x_train), data.as_floats(dataset.x_test)
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    record = model.fit(
        train,
        dataset.y_train,
        batch_size=BATCH,
        validation_data=(test, dataset.y_test),
        validation_batch_size=1_000,
        verbose=0,
    ).history
    return time.perf_counter() - start, record["loss"][0], record["val_accuracy"][0]


def main(seeds: int = 3, images: int = 20_000) -> None:
    """Measure every way once a seed, in turn, and print medians and ratios."""
    import lrlab.keras  # noqa: F401  # before Keras: it silences TensorFlow's start

    dataset = data.load("fashion_mnist", limit=images, test_limit=images // 6)
    ways = {
        "lrlab.pytorch.fit": lambda seed: with_fit(dataset, seed),
        "DataLoader, 0 workers": lambda seed: per_image_loop(dataset, seed, 0),
        "DataLoader, 2 workers": lambda seed: per_image_loop(dataset, seed, 2),
        "Keras model.fit": lambda seed: plain_keras(dataset, seed),
        "lrlab.keras.fit": lambda seed: with_keras_fit(dataset, seed),
    }
    warm = data.load("fashion_mnist", limit=2 * BATCH, test_limit=BATCH)
    with_fit(warm, 0)
    plain_keras(warm, 0)
    with_keras_fit(warm, 0)
    results = {way: [] for way in ways}
    for seed in range(seeds):
        for way, train in ways.items():
            results[way].append(train(seed))
            print(f"seed {seed}  {way:22} {results[way][-1][0]:6.2f} s", flush=True)
    seconds = {way: median(result[0] for result in results[way]) for way in ways}
    fastest = seconds["lrlab.pytorch.fit"]
    place = f"{len(dataset.x_train)} images on {device_name(DEVICE)}"
    print(f"\n{place}; medians of {seeds}, and times lrlab.pytorch.fit")
    for way in ways:
        _, loss, accuracy = np.mean(results[way], axis=0)
        print(
            f"{way:22} {seconds[way]:6.2f} s  {seconds[way] / fastest:5.2f} x"
            f"   training loss {loss:.4f}, test accuracy {accuracy:.4f}"
        )
    loader = min(seconds[way] for way in ways if way.startswith("DataLoader"))
    print(f"against the better DataLoader: {loader / fastest:.2f} times as fast")
    losses = {way: np.array(values)[:, 1] for way, values in results.items()}
    off = losses["lrlab.pytorch.fit"] - losses["DataLoader, 0 workers"]
    print(f"largest difference of the training losses, fit and DataLoader: {np.abs(off).max():.1e}")
    if np.abs(off).max() > 0.01:
        sys.exit("the two PyTorch ways do not train the same network")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
