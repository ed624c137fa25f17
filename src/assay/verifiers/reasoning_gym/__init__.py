"""`reasoning_gym`: the generators' own scorers, or ours where theirs evaluate a model's text. `verifier` is the part.

To replace another of the library's scorers, add a function to `scorers.py`.
"""

from assay.verifiers.reasoning_gym.verifier import ReasoningGym

__all__ = ["ReasoningGym"]
