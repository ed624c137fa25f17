"""Find where the packages lie that a program may import: a distribution, and what it requires."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

NAME = re.compile(r"[A-Za-z0-9._-]+")


def package_paths(names: Iterable[str]) -> dict[str, str]:
    """Find the files and folders of distributions and of all that they require.

    Args:
        names: Distributions, such as numpy.

    Returns:
        {name in the folder of packages: its path}.

    Raises:
        ValueError: One of the named distributions is not installed.
    """
    pending, done_names, paths = list(names), set[str](), dict[str, str]()
    for name in pending:
        if not find_distribution(name):
            raise ValueError(f"packages: {name!r} is not installed here; run `pip install {name}`, or leave it out")
    while pending:
        name = pending.pop()
        installed = find_distribution(name)
        if installed is None or name in done_names:
            continue
        done_names.add(name)
        paths |= _list_entries(installed)
        pending += [
            match[0] for line in installed.requires or () if "extra ==" not in line and (match := NAME.match(line))
        ]
    return paths


def find_distribution(name: str) -> Distribution | None:
    """Return the distribution of a name; None where it is not installed."""
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def _list_entries(installed: Distribution) -> dict[str, str]:
    """Return the top-level files and folders of a distribution; scripts, which lie elsewhere, are left out."""
    top_names = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
    return {name: str(installed.locate_file(name)) for name in sorted(top_names)}
