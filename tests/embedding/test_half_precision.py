import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.embedding.encode import load_encoder
from assay.embedding.half_precision import HalfPrecision, half_revision
from assay.embedding.unit import check_unit

TEXTS = [f"How many of the {n} apples and {n % 7} pears are left?" for n in range(200)]


def stored_bytes(vectors):
    file = io.BytesIO()
    pq.write_table(pa.table({"vector": list(vectors)}), file, compression="zstd")
    return file.tell()


def test_vectors_are_the_others_rounded_to_16_bits_under_a_revision_of_their_own():
    whole = load_encoder("tfidf", texts=TEXTS)
    half = HalfPrecision(whole)
    rounded = half.encode(TEXTS)
    assert rounded.dtype == np.float32
    assert (rounded == whole.encode(TEXTS).astype(np.float16)).all()
    check_unit(rounded)
    assert half.revision == half_revision(whole.revision) != whole.revision
    assert half.texts_per_commit == whole.texts_per_commit


def test_a_file_of_them_takes_about_half_of_the_room():
    rows = np.random.default_rng(0).normal(size=(4_000, 128))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    assert stored_bytes(rows.astype(np.float16).astype(np.float32)) < 0.56 * stored_bytes(rows)
