"""A study that takes seconds, and the command ``lrlab`` with a catalogue of nothing else.

    python -m tests.support.tiny_study run tiny --results DIR

It trains on ``digits16``, the embedded digits with a frame that makes them large enough for
LeNet; `write_data` puts it where ``LRLAB_DATA`` is to point.
"""

import json
import sys
from pathlib import Path

try:  # as the command itself does: Ctrl-C may come meanwhile
    import numpy as np

    from lrlab import Constant, LinearDecay, Recipe, data
    from lrlab.cli import main
    from lrlab.optimizers import Momentum
    from lrlab.studies import Images, Network, Run, Setting, Study, registry
except KeyboardInterrupt:
    sys.exit(130)

PLAIN = Network()
FOREVER = 10**6


def setting(label, schedule, *, images=300, network=PLAIN, snapshots=None, measure=None, **recipe):
    """A setting on the first ``images``, a number or an `Images`; the rest is the recipe's."""
    recipe = Recipe(schedule, **{"epochs": 3, "batch_size": 25, **recipe})
    used = images if isinstance(images, Images) else Images("digits16", limit=images)
    return Setting(label, recipe, network=network, data=used, snapshots=snapshots, measure=measure)


TINY = Study(
    "tiny",
    "for tests",
    [
        setting("lr 0.1", Constant(0.1), optimizer=Momentum()),
        setting("lr 0.01", Constant(0.01), network=Network(init="glorot_uniform")),
        setting("falling", LinearDecay(0.1, total_epochs=3), per="step"),
    ],
    seeds=range(4),
    decides="nothing",
)
# LeNet refuses the blobs, images of one pixel; a rate of 1e6 overflows.
FAULTY = Study(
    "faulty",
    "one setting cannot be run, one diverges",
    [
        setting("fine", Constant(0.01), epochs=1),
        setting("blobs", Constant(0.01), epochs=1, images=Images("blobs", limit=300)),
        setting("diverges", Constant(1e6), epochs=3),
    ],
    seeds=[0],
)
ENDLESS = Study(
    "endless",
    "two runs finish, two never do",
    [
        setting(f"{n} epochs", Constant(0.01), epochs=n, images=100)
        for n in (1, 2, FOREVER, FOREVER + 1)
    ],
    seeds=[0],
)
BLINKS = Study(
    "blinks",
    "three runs, as short as can be",
    [setting("blink", Constant(0.1), epochs=1, images=25)],
    seeds=range(3),
)
STUDIES = registry([TINY, FAULTY, ENDLESS, BLINKS])


def quick(epochs: int = 1, seed: int = 0, **options) -> Run:
    """One run that takes a blink."""
    options = {"images": 50, "schedule": Constant(0.1), **options}
    return Run("quick", setting("quick", epochs=epochs, **options), seed)


def write_data(folder: Path) -> None:
    """Write ``digits16.npz``."""
    digits = data.load("digits")
    frame = ((0, 0), (4, 4), (4, 4), (0, 0))
    np.savez(
        folder / "digits16.npz",
        x_train=np.pad(digits.x_train, frame),
        y_train=digits.y_train,
        x_test=np.pad(digits.x_test, frame)[:50],
        y_test=digits.y_test[:50],
    )


def contents(results: Path) -> dict[str, dict]:
    """What the records under a folder say, but for what differs from one execution to another."""
    records = {}
    for file in sorted(results.rglob("*.json")):
        values = json.loads(file.read_text(encoding="utf-8"))
        del values["history"]["seconds"], values["history"]["provenance"]["date"]
        records[file.relative_to(results).as_posix()] = values
    return records


if __name__ == "__main__":
    sys.exit(main(studies=STUDIES))
