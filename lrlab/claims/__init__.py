"""The claims of the source documents: rule, evidence and verdict of each.

A claim's verdict is computed from recorded runs, descents and the theory whenever it is asked for.
``lrlab claims`` does the same on the command line.
"""

from lrlab.claims.catalog import CLAIMS, UnknownClaim, ledger
from lrlab.claims.claim import AFTER, ALONGSIDE, BEFORE, Claim, Effect, Entry, Found, Trial, judge
from lrlab.claims.showing import Ledger

__all__ = [
    "AFTER",
    "ALONGSIDE",
    "BEFORE",
    "CLAIMS",
    "Claim",
    "Effect",
    "Entry",
    "Found",
    "Ledger",
    "Trial",
    "UnknownClaim",
    "judge",
    "ledger",
]
