"""Which commits may hold a row twice: those whose writers had not seen one another's.

A writer looks up what is stored, and then commits; between the two another writer may add the same row. No writer is
locked out. Instead each entry says what its writer had seen, as the XOR of the hashes of all entries' names, and
readers fold rows by id where, and only where, two entries did not see each other. Compaction folds them for good.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from assay.stores.commits.manifest import Entry, stands_in

SAW_NOTHING = -2  # in place of a seal: an entry written anew that may hold rows of any other, however old
MARGIN_NS = 3600 * 10**9  # clocks of writers may differ by an hour


def seal(names: Iterable[str]) -> int:
    """Return a digest of a set of entry names, in [0, 2^64), whatever their order; 0 of none. Stand-ins do not count.

    >>> seal(["a", "b"]) == seal(["b", "a"]) == seal(["a"]) ^ seal(["b"])
    True
    """
    sealed = 0
    for name in names:
        if stands_in(name):
            continue
        sealed ^= int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return sealed


def find_stand_ins(entries: Iterable[Entry]) -> dict[str, str]:
    """Return which entry finally stands for each entry that was replaced.

    Of two compactions of one commit the earlier counts, so that no reader sees a row twice; the later one is void and
    maps to "".
    """
    stands: dict[str, str] = {}
    for entry in sorted((entry for entry in entries if entry.replaces), key=lambda entry: entry.name):
        replaced_names = set(entry.replaces)
        if any(stands.get(name, entry.name) not in replaced_names | {entry.name} for name in replaced_names):
            stands[entry.name] = ""
            continue
        stands.update(dict.fromkeys(replaced_names, entry.name))
    return stands


def find_contested(entries: Sequence[Entry], stands: Mapping[str, str]) -> set[str]:
    """Return the names of live entries that may share a row: both of each pair that did not see each other.

    The entries of one writer have all seen one another, so the answer is empty for a lake that one process at a time
    has written. Entries that stand for others add no row and are in no seal.

    Args:
        entries: all entries in the manifest.
        stands: the result of `find_stand_ins` for them.
    """
    by_name = {entry.name: entry for entry in entries if not stands_in(entry.name)}
    order = sorted(name for name in {*by_name, *stands} if not stands_in(name))
    places, sealed, floor = {0: 0}, 0, ""  # digest of the first n names -> n
    doubtful: set[str] = set()
    for place, name in enumerate(order):
        entry = by_name.get(name)
        if entry is not None and entry.seen is not None and entry.seen != sealed:
            if entry.seen in places:
                unseen = [
                    other
                    for other in order[places[entry.seen] : place]
                    if other not in by_name or by_name[other].writer != entry.writer
                ]
                doubtful |= _pairs(name, unseen, stands)
            else:  # the digest is of no prefix, so it may be any entry within the clocks' margin
                since = f"{0 if entry.seen == SAW_NOTHING else max(0, entry.time_ns - MARGIN_NS):020d}"
                floor = min(floor or since, since)
        sealed ^= seal([name])
        places[sealed] = place + 1
    if floor:
        doubtful |= {stands.get(other, other) for other in order if other >= floor}
    return doubtful - {""}


def _pairs(name: str, unseen: Iterable[str], stands: Mapping[str, str]) -> set[str]:
    mine = stands.get(name, name)
    others = {stands.get(other, other) for other in unseen} - {mine}
    return {mine, *others} if others else set()
