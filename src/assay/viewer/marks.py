"""A person's marks on answers: right, wrong or unsure, appended to one CSV that `curate audit --marked` reads."""

import csv
import errno
import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from assay.core.errors import ConfigError, LakeError
from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.problem import split_thinking

COLUMNS = ("verdict", "right", "marked_at")
WRITTEN = {"right": "yes", "wrong": "no", "unsure": "unsure"}
MARKS = {written: mark for mark, written in WRITTEN.items()}
BATCH = 20  # answers that are sent at a time
DRAWN = 200  # accepted answers, and as many rejected ones, that are drawn at all
TAIL = 6_000  # characters of an answer's end that a person reads
MOST_BYTES = 16 << 20  # of the file; more marks than anybody makes
VERDICT = re.compile(r"[\w-]{1,80}")
# as `curate audit` counts them: verdicts of one policy's attempts with the latest version of each verifier, labels as they are
JUDGED = """
SELECT v.id, v.verifier, v.version, v.rollout_id, v.label_id, v.extracted, r.problem_id,
       counted(v.outcome, v.lenient, $mode) = 'correct' AS accepted
FROM verdicts v JOIN attempts r ON r.id = v.rollout_id
WHERE r.policy = $policy AND r.sampler = $sampler AND NOT r.guided AND NOT r.extended AND r.step IS NULL
  AND counted(v.outcome, v.lenient, $mode) IN ('correct', 'wrong', 'unparsable')
QUALIFY v.version = max(v.version) OVER (PARTITION BY v.verifier)
"""
DRAW = f"""
SELECT * FROM (SELECT * FROM ({JUDGED}) QUALIFY row_number() OVER (PARTITION BY accepted ORDER BY hash(id)) <= {DRAWN}) ORDER BY hash(id || 'order')
"""
COUNTS = f"SELECT verifier, version, accepted, count(*) AS n FROM ({JUDGED}) GROUP BY ALL"
SHOWN = """
SELECT v.id, left(l.answer, 2000) AS gold, left(v.extracted, 500) AS extracted, p.id AS problem_id, p.source,
       right(t.text, $tail) AS answer, length(t.text) AS characters, left(p.messages[-1].content, 8000) AS question
FROM verdicts v JOIN rollouts r ON r.id = v.rollout_id JOIN problems p ON p.id = r.problem_id JOIN labels l ON l.id = v.label_id
LEFT JOIN completions t ON t.id = r.id WHERE v.id IN (SELECT unnest($ids::VARCHAR[]))
"""


class Marks:
    """The file of marks; rows are only ever appended, and the last one of a verdict counts.

    Args:
        path: of the CSV; None = marks cannot be kept here, such as beside a bucket.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self._turn = path, threading.Lock()

    def read(self) -> dict[str, str]:
        """Return {verdict: right, wrong or unsure}.

        Raises:
            LakeError: the file is not one of marks.
        """
        if self.path is None or not self.path.exists():
            return {}
        try:
            with os.fdopen(_open(self.path, os.O_RDONLY), encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise LakeError(f"{self.path} cannot be read as marks: {error}") from error
        marks = {row.get("verdict") or "": (row.get("right") or "").strip().lower() for row in rows}
        if strange := sorted({mark for mark in marks.values() if mark not in MARKS}):
            raise LakeError(f"{self.path}: a mark must be yes, no or unsure, found {strange[0][:40]!r}")
        return {verdict: MARKS[mark] for verdict, mark in marks.items() if verdict}

    def append(self, verdict: str, mark: str) -> None:
        """Append one mark, and wait until it is on the disk.

        Raises:
            ConfigError: no such mark, or marks cannot be kept here.
            LakeError: the disk refused.
        """
        if mark not in WRITTEN:
            raise ConfigError(f"a mark must be one of {', '.join(WRITTEN)}, found {mark[:40]!r}")
        if not VERDICT.fullmatch(verdict):
            raise ConfigError("this is not the id of a verdict")
        if self.path is None:
            raise ConfigError("this lake has no folder for marks; name a file with --marks")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self._turn:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = _open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
                with os.fdopen(descriptor, "r+b") as file:
                    file.write(f"{self._before(file)}{verdict},{WRITTEN[mark]},{stamp}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise LakeError(f"the mark cannot be written to {self.path}: {error.strerror}") from error

    def _before(self, file: BinaryIO) -> str:
        """Return what stands before a new row: the head in an empty file, the end of a line that has none.

        Raises:
            ConfigError: the file is full, or its columns are others.
        """
        head, size = ",".join(COLUMNS), os.fstat(file.fileno()).st_size
        if not size:
            return f"{head}\n"
        if size > MOST_BYTES:
            raise ConfigError(
                f"{self.path} has {size} bytes, and at most {MOST_BYTES} are allowed: start another file with --marks"
            )
        if file.readline(200).decode("utf-8-sig", "replace").strip() != head:
            raise ConfigError(
                f"{self.path} is not a file of marks with the columns {head}: start another file with --marks"
            )
        file.seek(-1, os.SEEK_END)
        return "" if file.read(1) == b"\n" else "\n"


def _open(path: Path, flags: int) -> int:
    """Open the file of marks: no link, and nothing but a file, so that a pipe in its place holds nobody up."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file")
    return descriptor


def answers_to_mark(reader: LakeReader, keys: ViewKeys, marks: Marks) -> dict[str, Any]:
    """Draw the next answers, without the verifier's opinion, and say what the marks so far come to.

    Args:
        reader: the lake.
        keys: whose attempts are drawn from.
        marks: the marks so far.

    Returns:
        {answers: the next ones; drawn: how many are drawn in all; marked: counts by mark; estimates: soundness and
        completeness of each verifier, where both sides are marked; file}.
    """
    stored_marks = marks.read()
    parameters = {"mode": keys.mode, "policy": keys.policy, "sampler": keys.sampler}
    sample = reader.rows(DRAW, parameters)
    open_ = [row["id"] for row in sample if row["id"] not in stored_marks][:BATCH]
    rows = {row["id"]: row for row in reader.rows(SHOWN, {"ids": open_, "tail": TAIL})} if open_ else {}
    answers = [{**rows[id_], **split_thinking(rows[id_].pop("answer") or "")} for id_ in open_ if id_ in rows]
    counts = reader.rows(COUNTS, parameters)
    return {
        "answers": answers,
        "drawn": len(sample),
        "marked": {mark: sum(stored_marks.get(row["id"]) == mark for row in sample) for mark in WRITTEN},
        "estimates": _estimate(sample, counts, stored_marks),
        "file": str(marks.path or ""),
    }


def knows_verdict(reader: LakeReader, verdict: str) -> bool:
    """Return whether the lake holds a verdict of this id."""
    return bool(reader.one("SELECT 1 AS one FROM verdicts WHERE id = ? LIMIT 1", [verdict]))


def _estimate(
    sample: list[dict[str, Any]], counts: list[dict[str, Any]], stored_marks: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Estimate soundness and completeness of each verifier of which accepted and rejected answers are marked."""
    from assay.maths.beta.audit import audit  # scipy: the page opens without it

    rows = []
    for verifier, version in sorted({(row["verifier"], row["version"]) for row in sample}):
        sides = {}
        for side in (True, False):
            mine = [
                stored_marks.get(row["id"])
                for row in sample
                if (row["verifier"], row["version"], row["accepted"]) == (verifier, version, side)
            ]
            sides[side] = (mine.count("right"), mine.count("wrong"))
        n = {row["accepted"]: row["n"] for row in counts if (row["verifier"], row["version"]) == (verifier, version)}
        if not all(sum(sides[side]) and n.get(side) for side in (True, False)):
            continue
        estimate = audit(sides[True], sides[False], n[True] / (n[True] + n[False]))
        rows.append(
            {
                "verifier": f"{verifier}@{version}",
                "soundness": list(estimate.soundness),
                "completeness": list(estimate.completeness),
                "marked": sum(map(sum, sides.values())),
            }
        )
    return rows
