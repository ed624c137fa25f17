"""Where a source's relative paths lie: in the config's folder, else in the working directory, as before."""

import glob
import os
from dataclasses import dataclass

from assay.sources._bad_row import escape_surrogates


@dataclass(frozen=True, slots=True)
class PathMatch:
    """What a path or glob stands for on this machine."""

    folder: str  # that relative paths start from; "" = the working directory
    paths: tuple[str, ...]  # as written in the config, ascending

    def real(self, path: str) -> str:
        """Return the path that opens the file or folder."""
        return os.path.join(self.folder, os.path.expanduser(path))


def match_files(pattern: str, folder: str) -> PathMatch:
    """Find the files that a path or glob names, first from the config's folder, then from the working directory.

    Args:
        pattern: as written in the config.
        folder: of the config; "" = the working directory alone.

    Returns:
        The first place that holds any of them; the config's folder where none does.
    """
    places = [PathMatch(place, _find_files(pattern, place)) for place in dict.fromkeys((folder, ""))]
    return next((place for place in places if place.paths), places[0])


def match_folder(path: str, folder: str) -> PathMatch:
    """Find the folder, or file, that a path names, as `match_files` does."""
    places = dict.fromkeys((folder, ""))
    matches = [PathMatch(place, (path,)) for place in places]
    return next((match for match in matches if os.path.exists(match.real(path))), matches[0])


def describe_old_place(path: str, folder: str, match: PathMatch) -> str:
    """Return a sentence where a relative path was found in the working directory alone; "" otherwise."""
    if not folder or match.folder or os.path.isabs(os.path.expanduser(path)):
        return ""
    return (
        f"{escape_surrogates(path)!r} is read from the working directory, because the config's folder "
        f"{escape_surrogates(folder)!r} does not contain it; relative paths normally start from the config's folder"
    )


def _find_files(pattern: str, folder: str) -> tuple[str, ...]:
    whole = os.path.expanduser(pattern)
    if os.path.isfile(os.path.join(folder, whole)):
        return (whole,)
    matches = glob.glob(whole, root_dir=folder or None, recursive=True)
    return tuple(sorted(path for path in matches if os.path.isfile(os.path.join(folder, path))))
