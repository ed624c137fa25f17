"""JSON that holds the hash of its own bytes, so that a flipped bit or a truncation is noticed."""

import hashlib
import json
import re
from typing import Any

MARK = b',"seal":"'
END = re.compile(rb'[0-9a-f]{64}"}')


class Damaged(ValueError):
    """The bytes are not those that were sealed."""


def seal_json(tree: dict[str, Any]) -> bytes:
    """Return the object as JSON whose last member is the SHA-256 of all bytes before it.

    >>> read_sealed(seal_json({"a": 1}))[0]
    {'a': 1}
    """
    body = json.dumps(tree, separators=(",", ":")).encode()[:-1]
    return b"%b%b%b" % (body, MARK, f'{hashlib.sha256(body).hexdigest()}"}}'.encode())


def read_sealed(data: bytes) -> tuple[dict[str, Any], str]:
    """Return the object and its hash; "" where it holds none, as in older formats.

    Raises:
        Damaged: the hash does not fit the bytes, or this is no JSON object.
    """
    body, mark, end = data.rpartition(MARK)
    digest = hashlib.sha256(body).hexdigest() if mark else ""
    if mark and (not END.fullmatch(end) or end[:64] != digest.encode()):
        raise Damaged("the SHA-256 inside is not that of its bytes")
    try:
        tree = json.loads((body + b"}" if mark else data).decode())
    except (ValueError, RecursionError) as error:
        raise Damaged(f"no JSON: {error}") from error
    if not isinstance(tree, dict) or (not mark and "seal" in tree):
        raise Damaged("not an object as it was sealed")
    return tree, digest
