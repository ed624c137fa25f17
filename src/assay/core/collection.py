"""Python's search for unreachable cycles, in loops that make many objects and hardly a cycle."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 500_000  # more than a batch makes; Python's own number is 700


@contextmanager
def rare_collection() -> Iterator[None]:
    """Search for cycles once per `NEW_OBJECTS` new objects inside a `with` block.

    A batch of problems is some 60,000 objects, and each search among old ones looks at all that is loaded.
    """
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep Python from looking for cycles meanwhile, where it does so at all."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
