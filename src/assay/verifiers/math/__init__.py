"""`math`: whether an answer and a gold answer are the same mathematics.

`verifier` is the part, `equality` compares by form, `symbolic` by algebra. To accept another kind of equality, add a
rule to `equality.py` and say whether it holds strictly or leniently.
"""

from assay.verifiers.math.verifier import Math

__all__ = ["Math"]
