import gc

import pytest

from assay.core.collection import NEW_OBJECTS, rare_collection


def test_cycles_are_searched_for_rarely_inside_and_as_before_behind():
    before = gc.get_threshold()
    with rare_collection():
        assert gc.get_threshold()[0] == NEW_OBJECTS
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="broken"), rare_collection():
        raise ValueError("broken")
    assert gc.get_threshold() == before
