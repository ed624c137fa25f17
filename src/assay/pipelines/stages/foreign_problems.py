"""Find the problem of another tool's row: by its id, else by its question.

Of a lake's problems memory holds ids and hashes, some 100 bytes each, so that a lake of 10 million is read in a stream.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.maths.text.instruction_wrappers import strip_instructions
from assay.maths.text.rendered_prompts import rendered_questions
from assay.maths.text.words import normal_form
from assay.pipelines.stages.rollout_files import first_value
from assay.stores.lake import Lake

LABELS = "SELECT problem_id, min(id) AS id FROM labels GROUP BY problem_id"
HASH_BYTES = 16  # of a question's normal form: two questions of one hash are not to be expected
Texts: TypeAlias = NDArray[np.bytes_]


class Matcher:
    """Finds the problem of a row by its id, else by the normal form of its prompt; of equal prompts the first stored.

    Args:
        lake: whose problems and labels are read, once.
        labels: the label of each problem that is judged against, by problem id; None = the first one in the lake.
    """

    def __init__(self, lake: Lake, labels: Mapping[str, str] | None = None) -> None:
        ids: list[Texts] = []
        hashes, owners = list[NDArray[np.uint64]](), list[NDArray[np.int64]]()
        before = 0
        for batch in lake.stream("SELECT id, messages FROM problems"):
            ids.append(_texts(batch["id"].to_pylist()))
            questions = [_questions(turns) for turns in batch["messages"].to_pylist()]
            hashes.append(_hashes(text for texts in questions for text in texts))
            owners.append(before + np.repeat(np.arange(len(batch)), [len(texts) for texts in questions]))
            before += len(batch)
        self._ids = np.concatenate([_texts([]), *ids])  # (n,) in the order in which they are stored
        self._places = np.argsort(self._ids, kind="stable")  # (n,) ids ascending
        found, owner = np.concatenate([_hashes([]), *hashes]), np.concatenate([np.zeros(0, np.int64), *owners])
        order = np.argsort(found[:, 0], kind="stable")
        self._hashes, self._owners = found[order], owner[order]  # (m, 2), (m,)
        self.count = before
        self._given = dict(labels or {})
        self._labels = self._first_labels(lake)  # (n,) in the order of `_ids`; b"" = none

    def problem(self, row: Mapping[str, Any], prompts: tuple[str, ...]) -> str | None:
        """Return the id of the problem at which a row is an attempt; None where no problem is found.

        Args:
            row: of another tool.
            prompts: columns that may hold the question or the problem's id.
        """
        extra = row.get("extra_info") or row.get("info") or {}
        id_ = row.get("assay_id") or (extra.get("assay_id") if isinstance(extra, dict) else None)
        if isinstance(id_, str) and self._place(id_) is not None:
            return id_
        prompt = first_value(row, prompts)
        if isinstance(prompt, str) and self._place(prompt) is not None:
            return prompt
        turns = [turn for turn in prompt if isinstance(turn, dict)] if isinstance(prompt, list) else []
        texts = (
            [turn.get("content", "") for turn in turns if turn.get("role") == "user"][-1:]
            if isinstance(prompt, list)
            else [prompt]
        )
        for text in filter(lambda text: isinstance(text, str), texts):
            for candidate in (text, *rendered_questions(text)):
                for question in (candidate, strip_instructions(candidate)):
                    if problem := self._asked(normal_form(question)):
                        return problem
        return None

    def label(self, problem: str) -> str:
        """Return the id of the label that a problem's attempts are judged against; "" where it has none."""
        place = self._place(problem)
        stored = "" if place is None else self._labels[place].decode()
        return self._given.get(problem, stored)

    def _asked(self, question: str) -> str:
        """Return the id of the first problem that asks a question, in normal form; "" where there is none."""
        ((first, second),) = _hashes([question])
        place = int(np.searchsorted(self._hashes[:, 0], first))
        while place < len(self._hashes) and self._hashes[place, 0] == first:
            if self._hashes[place, 1] == second:
                return str(self._ids[self._owners[place]].decode())
            place += 1
        return ""

    def _place(self, id_: str) -> int | None:
        """Return where a problem stands in `_ids`; None where the lake does not hold it."""
        key = id_.encode("utf-8", "replace")
        if not len(self._ids) or len(key) > self._ids.itemsize or b"\0" in key:
            return None
        place = int(np.searchsorted(self._ids, np.bytes_(key), sorter=self._places))
        found = place < len(self._ids) and self._ids[self._places[place]] == key
        return int(self._places[place]) if found else None

    def _first_labels(self, lake: Lake) -> Texts:
        labels = np.zeros(len(self._ids), "S24")
        for batch in lake.stream(LABELS) if len(self._ids) else ():
            problems, own = _texts(batch["problem_id"].to_pylist()), _texts(batch["id"].to_pylist())
            places = self._places[
                np.minimum(np.searchsorted(self._ids, problems, sorter=self._places), len(self._ids) - 1)
            ]
            known = self._ids[places] == problems
            if own.itemsize > labels.itemsize:
                labels = labels.astype(own.dtype)
            labels[places[known]] = own[known]
        return labels


def _questions(turns: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the normal forms under which a problem is found: of its last turn, and of all its turns."""
    contents = [turn["content"] for turn in turns]
    return [normal_form(text) for text in dict.fromkeys((contents[-1], "\n".join(contents)))] if contents else []


def _hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Return two numbers per text, (n, 2); a lone surrogate, which no lake holds, counts as a question mark."""
    data = b"".join(blake2b(text.encode("utf-8", "replace"), digest_size=HASH_BYTES).digest() for text in texts)
    return np.frombuffer(data, np.uint64).reshape(-1, 2)


def _texts(ids: list[str]) -> Texts:
    return np.array([id_.encode() for id_ in ids], np.bytes_)
