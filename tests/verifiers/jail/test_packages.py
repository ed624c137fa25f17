"""Packages that programs may import are found with what they require."""

import os

import pytest

from assay.verifiers.jail.packages import find_distribution, package_paths


def test_a_distribution_comes_with_its_files_and_without_those_of_others():
    paths = package_paths(["pluggy"])
    assert "pluggy" in paths
    assert all(os.path.exists(path) for path in paths.values())
    assert not {"pytest", "_pytest", "bin", ".."} & set(paths)


def test_what_it_requires_comes_along_and_extras_do_not():
    paths = package_paths(["pytest"])
    assert {"pytest", "_pytest", "pluggy", "iniconfig", "packaging"} <= set(paths)
    assert "hypothesis" not in paths  # of an extra


def test_a_name_that_is_not_installed_is_told():
    assert find_distribution("no-such-thing") is None
    with pytest.raises(ValueError, match="packages: 'no-such-thing' is not installed here"):
        package_paths(["pluggy", "no-such-thing"])
    assert package_paths([]) == {}
