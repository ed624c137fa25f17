"""`reasoning_gym`: generated problems, scored by their generator's scorer, or by ours where that one evaluates text."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle_verdict
from assay.verifiers.reasoning_gym.answers import extract_answers
from assay.verifiers.reasoning_gym.scorers import LabelError, score_answer, warm_scorers


@dataclass(frozen=True)
class ReasoningGym:
    """Judge by the scorer of the problem's generator: correct where it scores the final answer at least `correct_at`.

    Its partial scores become the reward. The problem's metadata holds {"reasoning_gym": {"dataset": name, "entry":
    {question, answer, metadata}}}. The label's answer replaces the entry's, so that a corrected label re-grades. The
    answer is what stands in the last `<answer>` tags, the format that the library asks for, or is announced or boxed;
    without any of these the whole finished text is scored, and for a numeric gold answer the last number.

    Generators whose scorers evaluate text as Python, or reward what is not a solution, have scorers of ours
    (`scorers`). An exception in a scorer is a wrong answer, unless scoring the gold answer raises too. Source:
    reasoning-gym 0.1.25, `score_answer` of each dataset.
    """

    correct_at: float = 1.0  # the least score of a correct answer, (0, 1]

    version: ClassVar[str] = "2"
    # no scorer is known to, but there are a hundred: text that is not inert gets a process of its own
    evaluates_text: ClassVar[bool] = True

    def warm(self) -> None:
        """Import reasoning-gym and build its scorers, which takes seconds."""
        warm_scorers()

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case; takes as long as the generator's scorer."""
        return settle_verdict(
            case, partial(_grade, correct_at=self.correct_at), verifier="reasoning_gym", version=self.version
        )

    def glance(self, case: GradingCase) -> Verdict | None:
        """Return the verdict where there is no answer to score; None where the generator's scorer is needed."""
        if case.rollout.finish == "error" or not extract_answers(case):
            return settle_verdict(
                case, lambda _: Grade(None, reason="no final answer"), verifier="reasoning_gym", version=self.version
            )
        return None

    def evaluated(self, case: GradingCase) -> str:
        """Return the part of a text that a scorer sees, in each of its spellings."""
        return "\n".join(answer.text for answer in extract_answers(case))

    def reads(self, label: Label) -> bool:
        """Return whether there is a gold answer."""
        return bool(label.answer.strip())

    def glance_label(self, label: Label) -> bool | None:
        """Return the same as `reads`, which costs nothing."""
        return self.reads(label)


def _grade(case: GradingCase, correct_at: float = 1.0) -> Grade:
    answers = extract_answers(case)
    if not answers:
        return Grade(None, reason="no final answer")
    metadata: Any = json.loads(case.problem.metadata)
    metadata = metadata.get("reasoning_gym") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("entry"), dict):
        return Grade(None, answers[0].text, "the problem's metadata holds no reasoning_gym entry", failed=True)
    name, entry = str(metadata.get("dataset")), {**metadata["entry"], "answer": case.label.answer}
    entry = convert_lists(entry) if metadata.get("tuples") else entry
    grades = [_apply_doubt(_score(name, answer.text, entry, correct_at), answer.doubt) for answer in answers]
    return max(grades, key=lambda grade: (bool(grade.right), bool(grade.lenient), grade.reward or 0.0))


def _score(name: str, answer: str, entry: Any, correct_at: float) -> Grade:
    try:
        reward = score_answer(name, answer, entry)
    except LabelError as error:
        return Grade(None, answer, f"reasoning_gym {name}: {error}", failed=True)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # a scorer may raise anything
        return _grade_exception(name, answer, entry, f"reasoning_gym {name}: {type(error).__name__}: {error}")
    return Grade(reward >= correct_at, answer, f"reasoning_gym {name}", reward=reward)


def _apply_doubt(grade: Grade, doubt: str) -> Grade:
    """Make a correct answer leniently correct only, where it may not be the final one."""
    return grade._replace(right=False, reason=doubt, reward=0.0, lenient=True) if doubt and grade.right else grade


def _grade_exception(name: str, answer: str, entry: Any, reason: str) -> Grade:
    """Grade an answer whose scoring raised: wrong, or an error where scoring the gold answer raises too."""
    try:
        score_answer(name, entry["answer"], entry)
    except Exception:  # noqa: BLE001
        return Grade(None, answer, reason, failed=True)
    return Grade(False, answer, reason, reward=0.0)


def convert_lists(value: Any) -> Any:
    """Convert every list to a tuple: some scorers (arc_agi, rearc) compare tuples, and JSON has only lists.

    >>> convert_lists({"grid": [[1, 2], [3]]})
    {'grid': ((1, 2), (3,))}
    """
    if isinstance(value, dict):
        return {key: convert_lists(item) for key, item in value.items()}
    return tuple(convert_lists(item) for item in value) if isinstance(value, list) else value
