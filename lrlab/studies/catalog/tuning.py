"""What studies that choose have in common: images to choose on, seeds to choose with.

Choices are made on 10,000 training images that are held out, with the seeds of `CHOOSING_SEEDS`, at
the budget of the comparison that they are made for. That one is made with fresh seeds, and looks at
the test images once.
"""

from __future__ import annotations

from dataclasses import replace

from lrlab.studies.study import Images

CHOOSING = Images(limit=50_000, held_out=10_000, evaluate_on="held_out")
FINAL = replace(CHOOSING, evaluate_on="test")
CHOOSING_SEEDS = (10, 11)
FRESH_SEEDS = (20, 21, 22, 23, 24)
CHOICE = (
    "Chosen is the lowest mean loss on the held-out images after the last epoch, over two seeds of "
    "which none overflows; the test images are not looked at."
)
