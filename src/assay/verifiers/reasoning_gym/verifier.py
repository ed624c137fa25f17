"""`reasoning_gym`: the generator's own scorer, or ours where that evaluates what a model wrote."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle
from assay.verifiers.reasoning_gym.answers import gym_answers
from assay.verifiers.reasoning_gym.scorers import LabelUnread, score, warm_scorers


@dataclass(frozen=True)
class ReasoningGym:
    """Correct where the generator that made the problem scores the final answer 1; its partial scores become the reward.

    The problem's metadata holds {"reasoning_gym": {"dataset": name, "entry": {question, answer, metadata}}}; the label's answer takes
    the entry's place, so a corrected label re-grades. The answer is what stands in the last `<answer>` tags, the format that the library asks
    for, or is announced or boxed; without any of these the whole finished text is scored, and for a gold number the last number.

    Generators whose scorers evaluate text as Python, or reward what is no solution, have scorers here (`_gym_scorers`). What a scorer raises is a
    wrong answer where the gold answer does not make it raise. Source: reasoning-gym 0.1.25, `score_answer` of each dataset.
    """

    version: ClassVar[str] = "2"
    evaluates_text: ClassVar[bool] = (
        True  # none that we know of, in a library of a hundred scorers: an answer that is not inert has a process of its own
    )

    def warm(self) -> None:
        """Imports reasoning-gym and builds its scorers, which takes seconds."""
        warm_scorers()

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; as slow as the generator's scorer."""
        return settle(case, _grade, verifier="reasoning_gym", version=self.version)

    def glance(self, case: GradingCase) -> Verdict | None:
        """The verdict where there is nothing to score; None where the generator must be asked."""
        if case.rollout.finish == "error" or not gym_answers(case):
            return settle(
                case, lambda _: Grade(None, reason="no final answer"), verifier="reasoning_gym", version=self.version
            )
        return None

    def evaluated(self, case: GradingCase) -> str:
        """The part of a text that a scorer sees, in each of its spellings."""
        return "\n".join(answer.text for answer in gym_answers(case))

    def reads(self, label: Label) -> bool:
        """Whether there is a gold answer."""
        return bool(label.answer.strip())

    def glance_label(self, label: Label) -> bool | None:
        """As `reads`, which costs nothing."""
        return self.reads(label)


def _grade(case: GradingCase) -> Grade:
    answers = gym_answers(case)
    if not answers:
        return Grade(None, reason="no final answer")
    stored: Any = json.loads(case.problem.metadata)
    stored = stored.get("reasoning_gym") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(stored.get("entry"), dict):
        return Grade(None, answers[0].text, "the problem's metadata holds no reasoning_gym entry", failed=True)
    name, entry = str(stored.get("dataset")), {**stored["entry"], "answer": case.label.answer}
    entry = tupled(entry) if stored.get("tuples") else entry
    grades = [_doubted(_scored(name, answer.text, entry), answer.doubt) for answer in answers]
    return max(grades, key=lambda grade: (bool(grade.right), bool(grade.lenient), grade.reward or 0.0))


def _scored(name: str, answer: str, entry: Any) -> Grade:
    try:
        reward = score(name, answer, entry)
    except LabelUnread as error:
        return Grade(None, answer, f"reasoning_gym {name}: {error}", failed=True)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # a scorer may raise anything
        return _unscored(name, answer, entry, f"reasoning_gym {name}: {type(error).__name__}: {error}")
    return Grade(reward >= 1, answer, f"reasoning_gym {name}", reward=reward)


def _doubted(grade: Grade, doubt: str) -> Grade:
    """A right answer of which it is not beyond doubt that it is the final one is right leniently."""
    return grade._replace(right=False, reason=doubt, reward=0.0, lenient=True) if doubt and grade.right else grade


def _unscored(name: str, answer: str, entry: Any, why: str) -> Grade:
    """What made a scorer raise: the answer, where it does not raise for the gold one."""
    try:
        score(name, entry["answer"], entry)
    except Exception:  # noqa: BLE001
        return Grade(None, answer, why, failed=True)
    return Grade(False, answer, why, reward=0.0)


def tupled(value: Any) -> Any:
    """The value with every list as a tuple: some scorers (arc_agi, rearc) compare tuples, and JSON has only lists.

    >>> tupled({"grid": [[1, 2], [3]]})
    {'grid': ((1, 2), (3,))}
    """
    if isinstance(value, dict):
        return {key: tupled(each) for key, each in value.items()}
    return tuple(tupled(each) for each in value) if isinstance(value, list) else value
