"""Where the packages lie that a program may import: a distribution, and what it requires."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

NAME = re.compile(r"[A-Za-z0-9._-]+")


def package_paths(names: Iterable[str]) -> dict[str, str]:
    """Find the files and folders of distributions and of all that they require here.

    Args:
        names: distributions, such as numpy.

    Returns:
        {name in the folder of packages: its path}.

    Raises:
        ValueError: one of those named is not installed.
    """
    waiting, seen, paths = list(names), set[str](), dict[str, str]()
    for name in waiting:
        if not installed(name):
            raise ValueError(f"packages: {name!r} is not installed here; `pip install {name}`, or leave it out")
    while waiting:
        name = waiting.pop()
        part = installed(name)
        if part is None or name in seen:
            continue
        seen.add(name)
        paths |= _entries(part)
        waiting += [match[0] for line in part.requires or () if "extra ==" not in line and (match := NAME.match(line))]
    return paths


def installed(name: str) -> Distribution | None:
    """The distribution of a name, if it is installed."""
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def _entries(part: Distribution) -> dict[str, str]:
    """The first steps of its files' paths; scripts lie elsewhere and are left out."""
    first = {file.parts[0] for file in part.files or ()} - {"..", "__pycache__"}
    return {name: str(part.locate_file(name)) for name in sorted(first)}
