"""Which commits may hold a row twice: those that were written without having seen one another.

A writer looks at what is stored, and then commits; between the two another may have added the same row. Nobody is locked out. Instead
each entry says what its writer had seen, as the XOR of the hashes of all entries' names, and readers fold rows by id where, and only where, two
entries did not see each other. Compaction folds them for good.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from assay.stores.commits.manifest import Entry, stands_in

SAW_NOTHING = -2  # in place of a seal: an entry made anew that may hold rows of any other, as old as it may be
MARGIN_NS = 3600 * 10**9  # clocks of writers may differ by an hour


def seal(names: Iterable[str]) -> int:
    """An order-free digest of a set of names, in [0, 2^64); of no names it is 0, and stand-ins count as no names.

    >>> seal(["a", "b"]) == seal(["b", "a"]) == seal(["a"]) ^ seal(["b"])
    True
    """
    sealed = 0
    for name in names:
        if stands_in(name):
            continue
        sealed ^= int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return sealed


def standing(entries: Iterable[Entry]) -> dict[str, str]:
    """Each name that something stands for -> the entry that stands for it, in the end; an entry that is void stands for nothing and nothing for it.

    Of two compactions of one commit the earlier counts, so that no reader sees a row twice; the later one maps to "", for no entry.
    """
    stands: dict[str, str] = {}
    for entry in sorted((each for each in entries if each.replaces), key=lambda each: each.name):
        replaced = set(entry.replaces)
        if any(stands.get(name, entry.name) not in replaced | {entry.name} for name in replaced):
            stands[entry.name] = ""
            continue
        stands.update(dict.fromkeys(replaced, entry.name))
    return stands


def contested(entries: Sequence[Entry], stands: Mapping[str, str]) -> set[str]:
    """Names of live entries that may share a row with another: both sides of each pair that did not see each other.

    `entries` are all that lie in the manifest. A single writer's entries have all seen one another, so the answer is empty for a lake that
    one process at a time has written. Entries that stand for others bring no row of their own and are in nobody's seal.
    """
    by_name = {entry.name: entry for entry in entries if not stands_in(entry.name)}
    order = sorted(name for name in {*by_name, *stands} if not stands_in(name))
    places, sealed, floor = {0: 0}, 0, ""  # digest of the first n names -> n
    found: set[str] = set()
    for place, name in enumerate(order):
        entry = by_name.get(name)
        if entry is not None and entry.seen is not None and entry.seen != sealed:
            if entry.seen in places:
                unseen = [
                    each
                    for each in order[places[entry.seen] : place]
                    if each not in by_name or by_name[each].writer != entry.writer
                ]
                found |= _pairs(name, unseen, stands)
            else:  # the digest does not tell which: all within the clocks' margin
                since = f"{0 if entry.seen == SAW_NOTHING else max(0, entry.time_ns - MARGIN_NS):020d}"
                floor = min(floor or since, since)
        sealed ^= seal([name])
        places[sealed] = place + 1
    if floor:
        found |= {stands.get(each, each) for each in order if each >= floor}
    return found - {""}


def _pairs(name: str, unseen: Iterable[str], stands: Mapping[str, str]) -> set[str]:
    mine = stands.get(name, name)
    others = {stands.get(each, each) for each in unseen} - {mine}
    return {mine, *others} if others else set()
