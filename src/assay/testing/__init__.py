"""Contract suites: check a part of your own, such as `python:mine.parts:MySelector`, as the pipeline needs it.

Call one in a test: `check_selector(MySelector())`. It returns where the part keeps every rule, and otherwise raises an
AssertionError that names the rule. A new kind of check is a function in a `checks_*.py`, exported here.
"""

from assay.testing.checks_attempts import check_engine, check_source, check_verifier
from assay.testing.checks_order import check_curriculum
from assay.testing.checks_rows import check_filter, check_scorer, check_selector

__all__ = [
    "check_curriculum",
    "check_engine",
    "check_filter",
    "check_scorer",
    "check_selector",
    "check_source",
    "check_verifier",
]
