"""Read a rollout log into a `RolloutLog`, a row at a time: texts are looked at once and only a sample is kept."""

import hashlib
import heapq
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.maths.text.rendered_prompts import rendered_questions
from assay.maths.text.words import normal_form
from assay.pipelines.analysis.autopsy.columns import CUTS, KNOWN_COLUMNS, LOGGED_OUTCOMES, ColumnLayouts, LogColumns
from assay.pipelines.stages.rollout_files import as_text, first_value, read_attempts, read_reward, to_number, to_whole
from assay.stores.rollout_log import RolloutLog

BATCH = 20_000  # rows of an insert
LONGEST = 100_000  # characters of an answer that are kept for re-grading
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class SampledAttempt:
    """One attempt that is re-graded."""

    problem: int
    file: int
    step: int | None
    question: str
    gold: str
    text: str
    reward: float | None
    correct: float | None
    cut: bool | None


@dataclass(slots=True)
class LogSummary:
    """What was read."""

    rows: int = 0
    problems: int = 0
    golds: int = 0  # problems with a gold answer
    unread: Counter[str] = field(default_factory=Counter)  # rows by what they lack
    columns: dict[str, str] = field(default_factory=dict)  # what is read -> the column that holds it
    sample: list[SampledAttempt] = field(default_factory=list)
    file_steps: list[int] = field(default_factory=list)  # by file, where their names number them; else empty
    files: int = 0


def read_log(
    log: RolloutLog,
    places: Sequence[Path],
    columns: LogColumns = KNOWN_COLUMNS,
    *,
    golds: Mapping[str, str] | None = None,
    sample: int = 4_000,
    seed: int = 0,
) -> LogSummary:
    """Read every .jsonl and .parquet file of a rollout log.

    Args:
        log: gets the attempts, and each question once.
        places: files, or folders of them.
        columns: which columns hold what.
        golds: gold answers by `question_key`, for logs that have none.
        sample: attempts with a gold answer that are kept with their texts, drawn at random.
        seed: of the draw.

    Raises:
        ConfigError: no such file, or no row is an attempt.
    """
    reader = _AttemptReader(log, ColumnLayouts(columns.names()), golds or {}, _Reservoir(sample, seed))
    for place in places:
        for path, _, row in read_attempts(place, columns.names()):
            reader.add(path, row)
    return reader.finish()


def question_key(question: str) -> str:
    """Return the form in which a question is looked up."""
    return normal_form(question)


class _AttemptReader:
    """Turns rows into attempts."""

    def __init__(self, log: RolloutLog, layouts: ColumnLayouts, golds: Mapping[str, str], sample: "_Reservoir") -> None:
        self._log, self._layouts, self._golds, self._sample = log, layouts, golds, sample
        self._summary = LogSummary()
        self._numbers: dict[bytes, int] = {}  # digest of a prompt -> problem
        self._problems: dict[bytes, int] = {}  # digest of a question -> problem
        self._gold_of: dict[int, str] = {}
        self._files: dict[Path, int] = {}
        self._attempts, self._questions = list[tuple[Any, ...]](), list[tuple[Any, ...]]()

    def add(self, path: Path, row: Mapping[str, Any]) -> None:
        """Take one row as an attempt, or count what it lacks."""
        self._summary.rows += 1
        names = self._layouts.of(row)
        question = _question(first_value(row, names["prompt"]))
        text = as_text(first_value(row, names["text"]))
        if question is None or not isinstance(text, str):
            self._summary.unread["no question" if question is None else "no answer"] += 1
            return
        question, text = _storable(question), _storable(text)
        reward = _number(row, names["reward"]) if names["reward"] else read_reward(row, ())
        problem = self._problem(question, row, names)
        file = self._files.setdefault(path, len(self._files))
        step = to_whole(first_value(row, names["step"])) if names["step"] else None
        tokens = to_whole(first_value(row, names["tokens"])) if names["tokens"] else None
        correct = _number(row, names["correct"]) if names["correct"] else None
        is_cut = _cut(first_value(row, names["finish"])) if names["finish"] else None
        group = first_value(row, names["group"]) if names["group"] else None
        self._attempts.append(
            (
                problem,
                file,
                step,
                None if group is None else _digest_number(str(group)),
                reward,
                correct,
                tokens,
                len(text),
                is_cut,
            )
        )
        if self._sample.wants() and (gold := self._gold_of.get(problem)):
            question_text = next(iter(rendered_questions(question)), question)
            attempt = SampledAttempt(problem, file, step, question_text, gold, text[:LONGEST], reward, correct, is_cut)
            self._sample.take(attempt)
        if len(self._attempts) >= BATCH:
            self._flush()

    def finish(self) -> LogSummary:
        """Write what waits, and say what was read."""
        self._flush()
        summary = self._summary
        summary.columns, summary.sample = self._layouts.used(), self._sample.attempts()
        summary.golds, summary.files = len(self._gold_of), len(self._files)
        summary.file_steps = _file_steps(list(self._files))
        if not self._log.attempts:
            raise self._layouts.explain() if summary.rows else ConfigError("the files hold no rows")
        return summary

    def _flush(self) -> None:
        self._log.append("questions", self._questions)
        self._log.append("attempts", self._attempts)
        self._attempts, self._questions = [], []

    def _problem(self, prompt: str, row: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> int:
        """Return the number of the problem of a prompt; prompts that differ only in their template have one."""
        digest = _digest(prompt)
        if (number := self._numbers.get(digest)) is not None:
            return number
        question = next(iter(rendered_questions(prompt)), prompt)
        key = question_key(question)
        problem = self._problems.setdefault(_digest(key), len(self._problems))
        self._numbers[digest] = problem
        if problem == self._summary.problems:
            self._summary.problems += 1
            gold = _gold(first_value(row, names["gold"])) if names["gold"] else None
            if gold := gold or self._golds.get(key):
                self._gold_of[problem] = gold
            self._questions.append((problem, question, gold))
        return problem


class _Reservoir:
    """A sample of fixed size, every attempt with the same chance."""

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._random, self._priority = size, random.Random(seed).random, 0.0
        self._heap: list[tuple[float, int, SampledAttempt]] = []  # the largest priority first
        self._taken = 0

    def wants(self) -> bool:
        """Draw for the next attempt, and tell whether it is in the sample so far."""
        self._priority = self._random()
        return len(self._heap) < self._size or (self._size > 0 and self._priority < -self._heap[0][0])

    def take(self, attempt: SampledAttempt) -> None:
        """Put the attempt in whose draw `wants` was, and the one of the largest priority out."""
        self._taken += 1
        entry = (-self._priority, self._taken, attempt)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)

    def attempts(self) -> list[SampledAttempt]:
        """Return the sample in the order of the log."""
        return [attempt for _, _, attempt in sorted(self._heap, key=lambda entry: entry[1])]


def _file_steps(paths: Sequence[Path]) -> list[int]:
    """Return the step of each file, by the last number in its name or its folder's; [] unless these tell them apart."""
    numbers = [NUMBER.findall(path.stem) or NUMBER.findall(path.parent.name) for path in paths]
    steps = [int(digits[-1]) for digits in numbers if digits and len(digits[-1]) < 10]
    return steps if len(set(steps)) == len(paths) > 1 else []


def _question(prompt: Any) -> str | None:
    """Return the question of a prompt: a text as it is, the last user turn of a chat; None where there is none."""
    if isinstance(prompt, str):
        return prompt or None
    turns = [turn for turn in prompt if isinstance(turn, dict)] if isinstance(prompt, list) else []
    texts = [_content(turn.get("content")) for turn in turns if turn.get("role") == "user"]
    return texts[-1] or None if texts else None


def _storable(text: str) -> str:
    """Return a text without halves of surrogate pairs, which a log that cuts texts leaves and no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _gold(value: Any) -> str | None:
    """Return a gold answer as text; None where there is none."""
    if isinstance(value, list | tuple) and len(value) == 1:
        return _gold(value[0])
    if isinstance(value, str):
        return _storable(value).strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(row: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    """Return a reward, also one that is logged as the outcome's name."""
    value = first_value(row, names)
    return LOGGED_OUTCOMES.get(value) if isinstance(value, str) and value in LOGGED_OUTCOMES else to_number(value)


def _cut(value: Any) -> bool | None:
    """Return whether the cap cut an answer, by why it ended; None where the log does not say."""
    return None if value is None else str(value).casefold() in CUTS


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _digest_number(text: str) -> int:
    return int.from_bytes(_digest(text)[:7])
