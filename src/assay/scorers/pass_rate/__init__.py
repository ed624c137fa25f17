"""`pass_rate`: the share of attempts that a policy gets right, as integer counts and a posterior, never a bare rate.

`scorer` is the part; `allocation` decides which problem gets how many attempts. To add an allocation, add its waves to
`allocation.py`.
"""

from assay.scorers.pass_rate.scorer import PassRate

__all__ = ["PassRate"]
