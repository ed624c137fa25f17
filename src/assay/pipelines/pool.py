"""Reads the lake's rows back as nouns: the problems of a pool, their labels, who was dropped, which side of the split."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.types import Label, Message, Problem
from assay.pipelines.job import Job

MEMBERS = "SELECT DISTINCT {what} FROM members WHERE pool IN (SELECT unnest(?::VARCHAR[]))"


def members(job: Job) -> tuple[dict[str, Problem], dict[str, list[Label]]]:
    """Every problem that ingest found for this plan, ids ascending, and its labels."""
    pools = job.key_of("ingest", "clean").split("+")
    found = job.lake.rows(f"SELECT p.* FROM problems p SEMI JOIN ({MEMBERS.format(what='problem_id')}) m ON p.id = m.problem_id ORDER BY id", [pools])
    golds = job.lake.rows(f"SELECT l.* FROM labels l SEMI JOIN ({MEMBERS.format(what='label_id')}) m ON l.id = m.label_id ORDER BY id", [pools])
    problems = {row["id"]: to_problem(row) for row in found}
    labels: dict[str, list[Label]] = {id_: [] for id_ in problems}
    for row in golds:
        labels[row["problem_id"]].append(to_label(row))
    return problems, labels


def cleaned(job: Job) -> tuple[dict[str, Problem], dict[str, Label]]:
    """The problems that clean kept, ids ascending, each with its one label: the one that clean corrected it to, where it did."""
    problems, labels = members(job)
    key = job.key_of("clean", "split")
    gone = {row["problem_id"] for row in job.lake.rows("SELECT problem_id FROM drops WHERE key = ?", [key])}
    kept = {id_: problem for id_, problem in problems.items() if id_ not in gone}
    corrected = job.lake.rows("SELECT l.* FROM labels l SEMI JOIN members m ON m.label_id = l.id AND m.pool = ? ORDER BY id", [key])
    return kept, {id_: labels[id_][0] for id_ in kept} | {row["problem_id"]: to_label(row) for row in corrected if row["problem_id"] in kept}


def side(job: Job, name: str) -> tuple[dict[str, Problem], dict[str, Label]]:
    """The cleaned problems on one side of the split: "train" or "held_out"."""
    problems, labels = cleaned(job)
    split = job.key_of("split", "score").partition("+")[2]
    on_side = {row["problem_id"] for row in job.lake.rows("SELECT problem_id FROM splits WHERE split = ? AND side = ?", [split, name])}
    chosen = {id_: problem for id_, problem in problems.items() if id_ in on_side}
    return chosen, {id_: labels[id_] for id_ in chosen}


def problems_by_id(job: Job, ids: Sequence[str]) -> dict[str, Problem]:
    """The problems of these ids."""
    rows = job.lake.rows("SELECT * FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])
    return {row["id"]: to_problem(row) for row in rows}


def to_problem(row: Mapping[str, Any]) -> Problem:
    """A row of `problems` as the noun."""
    turns = tuple(Message(turn["role"], turn["content"]) for turn in row["messages"])
    return Problem(row["id"], turns, tuple(row["media"] or ()), row["source"], row["metadata"])


def to_label(row: Mapping[str, Any]) -> Label:
    """A row of `labels` as the noun."""
    return Label(row["id"], row["problem_id"], row["answer"], row["verifier"], row["origin"])


def to_row(problem: Problem) -> dict[str, object]:
    """The noun as a row of `problems`."""
    return {
        "id": problem.id,
        "messages": [message._asdict() for message in problem.messages],
        "media": list(problem.media),
        "source": problem.source,
        "metadata": problem.metadata,
        "characters": len(problem.text),
    }
