"""What studies that choose have in common: images to choose on, seeds to choose with.

Choices are made on 10,000 training images that are held out, with the seeds of `CHOOSING_SEEDS`, at
the budget of the comparison that they are made for. That one is made with `FINAL_SEEDS`, and looks
at the test images once.
"""

from __future__ import annotations

from lrlab.studies.study import Images

CHOOSING = Images(limit=50_000, held_out=10_000, evaluate_on="held_out")
CHOOSING_SEEDS = (10, 11)
FINAL_SEEDS = (20, 21, 22, 23, 24)
CHOICE = (
    "Chosen is the highest mean accuracy on the held-out images after the last epoch, over two "
    "seeds of which none overflows; a choice at an end of its grid extends the grid by a step on "
    "that side before anything is compared; the test images are not looked at."
)
