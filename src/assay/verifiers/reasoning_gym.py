"""`reasoning_gym`: the generator's own scorer."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from assay.core.errors import require
from assay.core.types import Case, Label, Verdict
from assay.verifiers._answers import final_answer, last_number
from assay.verifiers._numbers import number
from assay.verifiers._rules import Grade, settle


@dataclass(frozen=True)
class ReasoningGym:
    """Correct where the generator that made the problem scores the final answer 1; its partial scores become the reward.

    The problem's metadata holds {"reasoning_gym": {"dataset": name, "entry": {question, answer, metadata}}}; the label's answer takes
    the entry's place, so a corrected label re-grades. Without a marked answer the whole finished text is scored, and for a gold number
    the last number. Source: reasoning-gym 0.1.25, `score_answer` of each dataset.
    """

    version: ClassVar[str] = "1"

    def warm(self) -> None:
        """Imports reasoning-gym, which takes seconds."""
        require("reasoning_gym", extra="gym")

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; as slow as the generator's scorer."""
        return settle(case, _grade, verifier="reasoning_gym", version=self.version)

    def glance(self, case: Case) -> Verdict | None:
        """The verdict where there is nothing to score; None where the generator must be asked."""
        if case.rollout.finish == "error" or not _said(case):
            return settle(case, lambda _: Grade(None, reason="no final answer"), verifier="reasoning_gym", version=self.version)
        return None

    def reads(self, label: Label) -> bool:
        """Whether there is a gold answer."""
        return bool(label.answer.strip())

    def glance_label(self, label: Label) -> bool | None:
        """As `reads`, which costs nothing."""
        return self.reads(label)


def _grade(case: Case) -> Grade:
    said = _said(case)
    if not said:
        return Grade(None, reason="no final answer")
    stored: Any = json.loads(case.problem.metadata)
    stored = stored.get("reasoning_gym") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or "entry" not in stored:
        return Grade(None, said, "the problem's metadata holds no reasoning_gym entry", failed=True)
    name, entry = str(stored.get("dataset")), {**stored["entry"], "answer": case.label.answer}
    entry = tupled(entry) if stored.get("tuples") else entry
    scorer = require("reasoning_gym.factory", extra="gym").get_score_answer_fn(name)
    score = float(scorer(answer=said, entry=entry))
    return Grade(score >= 1, said, f"reasoning_gym {name}", reward=score)


def tupled(value: Any) -> Any:
    """The value with every list as a tuple: some scorers (arc_agi, rearc) compare tuples, and JSON has only lists.

    >>> tupled({"grid": [[1, 2], [3]]})
    {'grid': ((1, 2), (3,))}
    """
    if isinstance(value, dict):
        return {key: tupled(each) for key, each in value.items()}
    return tuple(tupled(each) for each in value) if isinstance(value, list) else value


def _said(case: Case) -> str:
    text, numeric = case.rollout.text, number(case.label.answer) is not None
    found = final_answer(text)
    if found is not None:
        bare = found.text.strip().strip("$").strip()
        return bare if not numeric or number(bare) is None else bare.replace(",", "").replace("−", "-")
    if case.rollout.finish == "length":
        return ""
    return last_number(text).lstrip("$").replace(",", "") if numeric else text.strip()
