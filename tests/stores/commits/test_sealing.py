"""A sealed object is read as it was written, or not at all."""

import json

import pytest

from assay.stores.commits.sealing import Damaged, read_sealed, seal_json

TREE = {"name": "n", "format": 3, "files": [{"path": 'a","sha256":"b'}]}


def test_what_was_sealed_comes_back_with_its_hash() -> None:
    tree, digest = read_sealed(seal_json(TREE))
    assert tree == TREE
    assert len(digest) == 64
    assert json.loads(seal_json(TREE))["seal"] == digest


def seal_of(data: bytes) -> str:
    try:
        return read_sealed(data)[1]
    except Damaged:
        return ""


def test_every_single_flipped_bit_and_every_cut_is_told() -> None:
    data = seal_json(TREE)
    for place in range(8 * len(data)):
        bad = bytearray(data)
        bad[place // 8] ^= 1 << place % 8
        assert seal_of(bytes(bad)) == ""  # damaged, or without a hash, which format 3 refuses where it is read
    for length in range(len(data)):
        with pytest.raises(Damaged):
            read_sealed(data[:length])


def test_an_object_without_a_hash_is_one_of_an_older_format() -> None:
    assert read_sealed(b'{"format": 2}') == ({"format": 2}, "")
    for other in (b"", b"[]", b"3", b"\xff", b'{"a":', b'{"seal": "x"}', b"[" * 100_000):
        with pytest.raises(Damaged):
            read_sealed(other)
