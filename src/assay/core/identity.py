"""Hash content to ids: the same content has the same id on every machine and in every run."""

import hashlib
import json
from collections.abc import Callable, Iterable
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

quote = encode_basestring  # writes a text as JSON
ID_CHARS = 24  # 96 bits: the odds of one collision among 2e9 rows are about 1 in 4e10
LONG = 4_096  # elements of a list that are written as JSON at a time
_WRITERS: dict[type, Callable[[Any], str]] = {str: quote, int: int.__repr__}  # by exact type: True is no int here
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, non-ASCII kept.

    >>> canonical_json({"b": 1, "a": (2, None)})
    '{"a":[2,null],"b":1}'
    """
    return _ENCODER.encode(value)


def content_id(*parts: object) -> str:
    """Return the first 96 bits of SHA-256 over the parts' canonical JSON, as 24 hexadecimal digits.

    Raises:
        UnicodeEncodeError: a lone surrogate, which is no text and cannot be stored.

    >>> content_id("a", 1) == content_id("a", 1) != content_id("a", "1")
    True
    """
    try:  # most ids are of texts and whole numbers: this writes the same JSON in a quarter of the time
        text = f"[{','.join([_WRITERS[type(part)](part) for part in parts])}]"
    except KeyError:
        for part in parts:
            if isinstance(part, list | tuple) and len(part) > LONG:
                return _hash_long(parts)
        text = canonical_json(parts)
    return hash_json(text)


def _hash_long(parts: tuple[object, ...]) -> str:
    """Hash the canonical JSON of parts piece by piece: that of a million ids takes some 150 MB as a whole."""
    digest = hashlib.sha256(b"[")
    for number, part in enumerate(parts):
        digest.update(b"," if number else b"")
        if not isinstance(part, list | tuple):
            digest.update(canonical_json(part).encode())
            continue
        digest.update(b"[")
        for start in range(0, len(part), LONG):
            digest.update(("," if start else "").encode() + canonical_json(part[start : start + LONG])[1:-1].encode())
        digest.update(b"]")
    digest.update(b"]")
    return digest.hexdigest()[:ID_CHARS]


def content_ids(*parts: object, last: Iterable[object]) -> list[str]:
    """Return `content_id(*parts, value)` for each value of `last`, in a third of the time: the parts are hashed once.

    Args:
        parts: what the ids have in common.
        last: texts and whole numbers.

    >>> content_ids("lesson", "k", last=(0, 1)) == [content_id("lesson", "k", place) for place in (0, 1)]
    True
    """
    before = canonical_json(parts)[:-1] + ("," if parts else "")
    return _hash_all(before, (_WRITERS[type(value)](value) for value in last), "]")


def content_id_of_list(*parts: object, last: Iterable[str]) -> str:
    """Return `content_id(*parts, list(last))` without holding the list.

    >>> content_id_of_list("tfidf", last=iter("ab")) == content_id("tfidf", ["a", "b"])
    True
    """
    digest = hashlib.sha256((canonical_json(parts)[:-1] + ("," if parts else "") + "[").encode())
    texts, between = iter(last), ""
    while batch := list(islice(texts, LONG)):
        digest.update((between + ",".join(map(quote, batch))).encode())
        between = ","
    digest.update(b"]]")
    return digest.hexdigest()[:ID_CHARS]


def varied_ids(*parts: object, place: str, values: Iterable[str]) -> list[str]:
    """Return `content_id(*parts)` for each of the values in the stead of the text `place`, which the parts hold once.

    >>> varied_ids("score", {"of": "#"}, place="#", values=["a"]) == [content_id("score", {"of": "a"})]
    True
    """
    before, after = canonical_json(parts).split(quote(place))
    return _hash_all(before, map(quote, values), after)


def _hash_all(before: str, texts: Iterable[str], after: str) -> list[str]:
    common, ids = hashlib.sha256(before.encode()), []
    for text in texts:
        digest = common.copy()
        digest.update((text + after).encode())
        ids.append(digest.hexdigest()[:ID_CHARS])
    return ids


def row_ids(*parts: object, rows: Iterable[Iterable[str]]) -> list[str]:
    """Return `content_id(*parts, *row)` for each row of texts, in half the time: the parts are hashed once.

    >>> row_ids("target", "s", rows=[("a", "b")]) == [content_id("target", "s", "a", "b")]
    True
    """
    before = canonical_json(parts)[:-1] + ("," if parts else "")
    return _hash_all(before, (",".join(map(quote, row)) for row in rows), "]")


def verdict_id(rollout_id: str, label_id: str, verifier: str, version: str) -> str:
    """Return `content_id("verdict", ...)` in half its time: every judged row needs one.

    >>> verdict_id("a", "b", "math", "6") == content_id("verdict", "a", "b", "math", "6")
    True
    """
    return hash_json(f'["verdict",{quote(rollout_id)},{quote(label_id)},{quote(verifier)},{quote(version)}]')


def hash_json(text: str) -> str:
    """Return the id of parts whose canonical JSON is known; `quote` writes that of a text.

    >>> hash_json(f'["label",{quote("p")}]') == content_id("label", "p")
    True
    """
    return hashlib.sha256(text.encode()).hexdigest()[:ID_CHARS]


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def derive_seed(*parts: object) -> int:
    """Return a 31-bit seed derived from names, so that random streams never depend on the order of calls.

    >>> 0 <= derive_seed("problem", 7) < 2**31
    True
    """
    return int(content_id(*parts), 16) % 2**31
