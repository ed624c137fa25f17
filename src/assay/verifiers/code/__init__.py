"""`code`: a program that passes its unit tests, run in a jail (`verifiers/jail`) or in an HTTP sandbox.

`verifier` is the part, `tests` reads the published formats of tests, `programs` finds the program in an answer,
`runner` runs it. To read another format, add its reader to `tests.py`.
"""

from assay.verifiers.code.verifier import Code

__all__ = ["Code"]
