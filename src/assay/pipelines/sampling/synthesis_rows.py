"""Rows of what a method of synthesis made, each verified again before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from assay.core.identity import content_id, row_ids
from assay.core.synthesis import Derived, Pair, Product, StepLabels, Target
from assay.core.types import GradingCase, Label, Message, Problem, Request, Rollout
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.graded import wanted_verdicts
from assay.pipelines.data.problems import problems_by_id, to_row
from assay.pipelines.sampling.attempt_rows import replace_surrogates
from assay.pipelines.sampling.synthesis_evidence import LakeEvidence
from assay.stores.tables import schema

OUTCOMES = """
SELECT v.rollout_id, counted(v.outcome, v.lenient, ?) AS outcome
FROM wanted w JOIN verdicts v ON v.label_id = w.label_id AND v.verifier || '@' || v.version = w.version
WHERE v.rollout_id IN (SELECT unnest(?::VARCHAR[]))
"""
NODES = "SELECT id, n_correct, n_wrong FROM search_nodes WHERE id IN (SELECT unnest(?::VARCHAR[]))"
RIGHT, NOT_RIGHT = ("correct",), ("wrong", "unparsable")
TRAIN = "train"
Rows = dict[str, list[dict[str, Any]]]
Tables = dict[str, list[dict[str, Any]] | pa.Table]


class SynthesisRows:
    """Writes the rows of one synthesis; counts those that could not be verified.

    Args:
        context: the run.
        evidence: of the synthesis.
        method: its name.
        synthesis_id: its key.
    """

    def __init__(self, context: RunContext, evidence: LakeEvidence, method: str, synthesis_id: str) -> None:
        self.context, self.evidence = context, evidence
        self.fixed = {"synthesis_id": synthesis_id, "method": method}
        self.unverified = 0

    def tables(self, products: Sequence[Product]) -> Tables:
        """Return the rows of a batch by table, each id once."""
        kinds: dict[type, list[Any]] = {Target: [], Pair: [], StepLabels: [], Derived: []}
        for product in products:
            kinds[type(product)].append(product)
        rows: dict[str, list[dict[str, Any]]] = {
            "pairs": self._pairs(kinds[Pair]),
            "step_labels": self._step_labels(kinds[StepLabels]),
            **self._derived(kinds[Derived]),
        }
        self.unverified += sum(row.get("verified") is False for table in rows.values() for row in table)
        tables: Tables = {
            name: list({row["id"]: row for row in rows_}.values()) for name, rows_ in rows.items() if rows_
        }
        return tables | ({"targets": self._targets(kinds[Target])} if kinds[Target] else {})

    def _labels(self, products: Sequence[Any]) -> dict[str, Label]:
        ids = sorted({product.problem_id for product in products})
        return self.evidence.labels(ids) if ids else {}

    def _outcomes(self, products: Sequence[Any], ids: Sequence[str]) -> dict[str, str]:
        """Return the present outcomes of rollouts: those that the method has just read, else the stored ones."""
        outcomes = self.evidence.known_outcomes(ids)
        others = [id_ for id_ in ids if id_ not in outcomes]
        if others:
            wanted = wanted_verdicts(self.context, self._labels(products), self.evidence.respondent())
            table = self.context.lake.query(OUTCOMES, [self.context.mode, others], given={"wanted": wanted})
            outcomes |= zip(table["rollout_id"].to_pylist(), table["outcome"].to_pylist(), strict=True)
        return outcomes

    def _targets(self, targets: Sequence[Target]) -> pa.Table:
        columns: dict[str, Any] = dict(zip(Target._fields, zip(*targets, strict=True), strict=True))
        completions, rollout_ids = columns["completion"], columns["rollout_id"]
        stored = [id_ for id_, text in zip(rollout_ids, completions, strict=True) if id_ and text is None]
        known = self._outcomes(targets, stored)
        judged = iter(self._judge([target for target in targets if target.completion is not None]))
        outcomes = [
            known.get(id_ or "") if text is None else next(judged)
            for id_, text in zip(rollout_ids, completions, strict=True)
        ]
        columns["verified"] = [
            outcome in (RIGHT if desirable else NOT_RIGHT)
            for outcome, desirable in zip(outcomes, columns["desirable"], strict=True)
        ]
        columns["id"] = _target_ids(self.fixed["synthesis_id"], targets)
        columns["messages"] = [messages and self._rendered(messages) for messages in columns["messages"]]
        columns["masked"] = [spans and _spans(spans) for spans in columns["masked"]]
        columns["completion"] = [text and replace_surrogates(text) for text in completions]
        return self._table("targets", columns, len(targets))

    def _table(self, name: str, columns: Mapping[str, list[Any]], n: int) -> pa.Table:
        """Make rows of columns, and count those that were not verified; an id that came twice is one row."""
        fixed = {**self.fixed, "side": TRAIN, "run": self.context.run}
        fields = schema(name)
        values = {field: columns[field] if field in columns else [fixed[field]] * n for field in fields.names}
        self.unverified += sum(verified is False for verified in values.get("verified", ()))
        table = pa.table([pa.array(values[field.name], field.type) for field in fields], schema=fields)
        if len(set(values["id"])) == n:
            return table
        first = {id_: row for row, id_ in reversed(list(enumerate(values["id"])))}
        return table.take(sorted(first.values()))

    def _judge(self, targets: Sequence[Target]) -> list[str]:
        """Return the outcomes of completions that no rollout holds."""
        if not targets:
            return []
        problems = problems_by_id(self.context, sorted({target.problem_id for target in targets}))
        labels = self._labels(targets)
        sampler, policy = self.evidence.sampler(), self.context.policy
        cases = []
        for target in targets:
            request = Request(target.problem_id, (), sampler, (0,), 0, target.prefix or "")
            text = (target.prefix or "") + (target.completion or "")
            rollout = Rollout.of(request, 0, policy=policy, engine="", text=text, tokens=0, finish="stop")
            cases.append(GradingCase(problems[target.problem_id], labels[target.problem_id], rollout))
        return [verdict.in_mode(self.context.mode).outcome for verdict in self.context.judge.judge(cases)]

    def _pairs(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        sides = sorted({id_ for pair in pairs for id_ in (pair.chosen, pair.rejected)})
        outcomes = self._outcomes(pairs, sides)
        rest = [id_ for id_ in sides if id_ not in outcomes]
        nodes = {row["id"]: row for row in self.context.lake.rows(NODES, [rest])} if rest else {}
        gold = {label.id for label in self._labels(pairs).values()} if rest else set()

        def right(id_: str) -> bool:
            return outcomes.get(id_) == "correct" or id_ in gold or bool(id_ in nodes and nodes[id_]["n_correct"])

        def wrong(id_: str) -> bool:
            return outcomes.get(id_) in NOT_RIGHT or bool(id_ in nodes and nodes[id_]["n_wrong"])

        rows = []
        for pair in pairs:
            identity = (pair.rule, pair.problem_id, pair.prefix, pair.chosen, pair.rejected)
            key = content_id("pair", self.fixed["synthesis_id"], *identity, pair.chosen_text, pair.rejected_text)
            row = {name: getattr(pair, name) for name in Pair.__slots__}
            row |= {"messages": self._rendered(pair.messages), "parents": list(pair.parents)}
            row["verified"] = right(pair.chosen) and wrong(pair.rejected)
            rows.append({"id": key, **self.fixed, **row, "side": TRAIN})
        return rows

    def _rendered(self, messages: Sequence[Message] | None) -> list[dict[str, str]] | None:
        """Return a chat as the policy is asked it: with system, few-shot turns and template."""
        if messages is None:
            return None
        return [turn._asdict() for turn in self.evidence.sampler().render(Problem.of(tuple(messages)))]

    def _step_labels(self, products: Sequence[StepLabels]) -> list[dict[str, Any]]:
        outcomes = self._outcomes(products, [item.rollout_id for item in products if item.rollout_id])
        rows = []
        for item in products:
            steps = [{**step._asdict(), "value": step.value} for step in item.steps]
            texts = [step.text for step in item.steps]
            key = content_id("steps", self.fixed["synthesis_id"], item.problem_id, item.rollout_id, texts)
            outcome = outcomes.get(item.rollout_id or "")
            correct = item.correct if outcome is None else outcome == "correct"
            row = {"problem_id": item.problem_id, "rollout_id": item.rollout_id, "steps": steps, "correct": correct}
            lineage = {"policy": item.policy, "parents": list(item.parents), "side": TRAIN}
            rows.append({"id": key, **self.fixed, **row, **lineage})
        return rows

    def _derived(self, products: Sequence[Derived]) -> Rows:
        """Write new problems and labels; an old problem that got a new label is not written again."""
        if not products:
            return {}
        readable = self.context.judge.reads([item.label for item in products])
        rows: Rows = {"problems": [], "labels": [], "derivations": []}
        for item, reads in zip(products, readable, strict=True):
            if item.problem.id not in item.parent_ids:
                rows["problems"].append(to_row(item.problem))
            rows["labels"].append(asdict(item.label))
            shared = {
                "problem_id": item.problem.id,
                "label_id": item.label.id,
                "rule": item.rule,
                "origin": item.origin,
                "confidence": item.confidence,
                "verified": item.checked and reads,
                "guess_floor": item.guess_floor,
                "parents": list(item.parents),
            }
            for parent in item.parent_ids:
                key = content_id("derivation", self.fixed["synthesis_id"], item.problem.id, item.label.id, parent)
                rows["derivations"].append({"id": key, **self.fixed, **shared, "parent_id": parent})
        return rows


def _target_ids(synthesis: str, targets: Sequence[Target]) -> list[str]:
    """Return the hash of what each target is; the chat is part of it."""
    if any(target.messages for target in targets):
        return [_target_id(synthesis, target) for target in targets]
    rows = [(t.problem_id, t.rollout_id or "", t.label_id or "", t.prefix or "", t.completion or "") for t in targets]
    return row_ids("target", synthesis, rows=rows)


def _target_id(synthesis: str, target: Target) -> str:
    turns = [list(turn) for turn in target.messages or ()]
    known = (target.problem_id, target.rollout_id or "", target.label_id or "", target.prefix or "")
    return content_id("target", synthesis, *known, *([turns] if turns else []), target.completion or "")


def _spans(spans: Sequence[tuple[int, int]] | None) -> list[dict[str, int]] | None:
    return None if spans is None else [{"begin": begin, "end": end} for begin, end in spans]
