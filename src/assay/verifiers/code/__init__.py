"""`code`: a program that passes its unit tests. `verifier` is the part; `tests` reads published formats, `runner` runs them.

To read another published format of tests, add its reader to `tests.py`. Programs run in `verifiers/jail`.
"""

from assay.verifiers.code.verifier import Code

__all__ = ["Code"]
