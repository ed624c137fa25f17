"""Engines let a policy attempt problems: requests go in, rollouts come out.

To add one, write NAME.py, or a folder NAME that exports its class, with a class that matches `core.ports.Engine`.
`models` finds weights by name, `requests` holds what engines share, `server` puts a local engine behind an address.
"""

from assay.core.parts import lazy_classes

__getattr__, __dir__ = lazy_classes("engine")
