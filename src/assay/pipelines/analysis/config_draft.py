"""A first config for a data file: fields that were guessed, tried on some rows, and written down with comments."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Drop, Label, Problem
from assay.sources.drafting.fields import FieldGuess, guess_fields, list_columns, read_sample

ROWS = 200  # that are read with a guess
ENOUGH = 0.9  # share of them that must be problems for the first guess to be taken
TRIED = 12  # guesses at most
HELD_OUT_SHARE = 0.1
TRIAL_ROWS = 48  # that a first config reads: with 4 short attempts each, minutes on two cores for the packaged model
BUDGET = 100  # of a first selection; a third of the rows where there are fewer
TEMPLATES = {  # of a first run, whose answers are short, and of a model that reasons
    "choice": (
        "{prompt}\n\nAnswer only with the letter of the right option, within \\boxed{}.",
        "{prompt}\n\nReason step by step, and put the letter of the right option within \\boxed{}.",
    ),
    "code": ("{prompt}\n\nWrite the program in one ```python block.", ""),
}
ALLOW_CODE = (
    "# The verifier runs programs that the model writes, in a sandbox (SECURITY.md); true agrees to that.",
    "[grade]",
    "allow_code = false",
    "",
)
TEMPLATE = ("", "{prompt}\n\nReason step by step, and put the final answer within \\boxed{}.")
SHOTS = (  # of the packaged model, which follows examples and no instruction; its answers are one short line then
    ("Tom has 5 apples. He buys 3 more. How many apples does he have now?", "5 + 3 = 8"),
    ("State the final answer: 30 - 12 =", "30 - 12 = 18"),
    ("9 birds sit on a tree. 4 fly away. How many birds are left?", "9 - 4 = 5"),
    ("A box holds 6 pens. How many pens are in 3 boxes?", "6 * 3 = 18"),
)
CAPS = {"code": 256, "choice": 96}  # tokens of a first run's attempt
SHORT_CAP = 48  # where the shots show an answer in one line


@dataclass(frozen=True, slots=True)
class Draft:
    """A source that reads a file, and what it reads of the file's first rows."""

    guess: FieldGuess
    rows: int
    problems: list[tuple[Problem, Label]]
    dropped: Counter[str]
    example: str  # of a drop; "" = none

    @property
    def share(self) -> float:
        """The share of the rows that are problems."""
        return len(self.problems) / max(self.rows, 1)

    @property
    def worth(self) -> float:
        """The share, halved where most gold answers are words for the verifier of mathematics: a topic fills each row, too."""
        if self.guess.settings.get("verifier", "math") != "math":
            return self.share
        with_digit = sum(any(map(str.isdigit, label.answer)) for _, label in self.problems)
        return self.share if 2 * with_digit >= len(self.problems) else self.share / 2


def draft_config(data: Path, *, prompt: str = "", answer: str = "") -> Draft:
    """Guess how a data file is read.

    Args:
        data: the file.
        prompt: the field of the question, where it is known; "" = guessed.
        answer: the field of the gold answer, likewise.

    Raises:
        ConfigError: the file cannot be read, or no guess reads a single row; the message lists its fields.
    """
    rows = read_sample(data)
    guesses = [
        guess
        for guess in guess_fields(rows)
        if prompt in ("", guess.settings["prompt"]) and answer in ("", guess.settings["answer"])
    ]
    if not guesses and prompt and answer:
        guesses = [FieldGuess({"prompt": prompt, "answer": answer})]
    best: Draft | None = None
    for guess in guesses[:TRIED]:
        draft = try_guess(data, guess)
        if best is None or draft.worth > best.worth:
            best = draft
        if best.worth >= ENOUGH:
            break
    if best is None or not best.problems:
        fields = ", ".join(
            f"{name} (such as {str(values[0])[:40]!r})" for name, values in list_columns(rows).values.items()
        )
        why = f"{best.example}; " if best else ""
        raise ConfigError(
            f"{data.name}: no field looks like a question with its answer; {why}fields: {fields}; "
            "name them with --prompt and --answer"
        )
    return best


def try_guess(data: Path, guess: FieldGuess) -> Draft:
    """Read some rows of a file with guessed settings."""
    source = build_part("source", "files", {"paths": str(data.absolute()), **guess.settings})
    problems, dropped, example = list[tuple[Problem, Label]](), Counter[str](), ""
    for row in islice(source.read(), ROWS):
        if isinstance(row, Drop):
            dropped[row.reason] += 1
            example = example or f"line {row.line}: {row.detail}"
        else:
            problems.append(row)
    return Draft(guess, len(problems) + dropped.total(), problems, dropped, example)


def is_cut(draft: Draft) -> bool:
    """Return whether a first config reads only the first rows of the draft's file."""
    return draft.rows > TRIAL_ROWS


def render_config(draft: Draft, data: Path, config: Path) -> str:
    """Write a draft as TOML with comments.

    Args:
        draft: of the source.
        data: the file that it reads.
        config: where the text will lie; the data's path is written relative to its folder.
    """
    verifier, name = str(draft.guess.settings.get("verifier", "math")), config.name.removesuffix(".toml")
    place = os.path.relpath(data.absolute(), config.absolute().parent)
    reads = f"{len(draft.problems)} of the first {draft.rows} rows are problems"
    reasons = ", ".join(f"{count} {reason}" for reason, count in draft.dropped.most_common())
    count = min(len(draft.problems), TRIAL_ROWS)
    template, reasoning = TEMPLATES.get(verifier, TEMPLATE)
    lines = [
        f"# A first config for {data.name}, written by `curate init`. All keys, with defaults and sources: "
        "configs/reference.toml.",
        f"# Next: `curate check {config.name}`, then `curate run {config.name} --dry-run --pilot 5`.",
        "",
        f"name = {_toml(name)}",
        f"lake = {_toml(f'.assay/{name}')} # holds all that is paid for; relative to the working directory",
        "",
        f"# {reads}{f'; dropped: {reasons}' if reasons else ''}.",
        *(f"# {note}." for note in draft.guess.notes),
        "[[source]]",
        'type = "files"',
        f"paths = {_toml(place)} # relative to this file; globs and lists are fine",
        *_setting_lines(draft.guess),
        *(
            []
            if "verifier" in draft.guess.settings
            else ['verifier = "math" # or choice, numeric, exact, code, python:MODULE:FUNCTION']
        ),
        *(
            [f"limit = {TRIAL_ROWS} # only the first rows, for a first run in minutes; delete this line to read all"]
            * is_cut(draft)
        ),
        "",
        "[split]",
        f"held_out = {max(1, round(HELD_OUT_SHARE * count))} # problems kept for evaluation, never trained on",
        "",
        "# The model whose difficulty is measured, and how it is asked. A server (vLLM, SGLang, llama.cpp, a hosted "
        "one):",
        '#   engine = "openai"',
        '#   model = "NAME"                        # as the server calls it',
        '#   urls = ["http://127.0.0.1:8000/v1"]',
        '#   key_env = "OPENAI_API_KEY"            # the variable that holds the key; leave it out where there is none',
        "[policy]",
        'engine = "llamacpp"',
        'model = "smollm2-135m-instruct" # small, on CPUs; `assay doctor` lists what is here',
        "temperature = 0.7",
        f"max_tokens = {CAPS.get(verifier, SHORT_CAP)} # short, for a first run on a CPU; a reasoning model needs thousands",
        'truncated = "wrong" # how attempts that reach the cap count, as in GRPO; "ignore" leaves them out',
        *([f"template = {_toml(template)}"] if template else _shot_lines()),
        *([f"# template = {_toml(reasoning)} # for a model that reasons, in place of shots"] if reasoning else []),
        "",
        *(ALLOW_CODE if verifier == "code" else ()),
        "[score]",
        "n = 4 # attempts per problem; 8 or more for a pass rate to rely on",
        "",
        "[select]",
        'selector = "frontier" # the problems of most signal for GRPO',
        f"budget = {max(1, min(BUDGET, count // 3))} # problems to train on",
        "",
    ]
    return "\n".join(lines)


def shown_problems(draft: Draft, count: int = 3) -> list[dict[str, str]]:
    """Return the first problems as the policy would be asked them, each with its gold answer."""
    return [
        {"prompt": "\n".join(f"{turn.role}: {turn.content}" for turn in problem.messages), "answer": label.answer}
        for problem, label in draft.problems[:count]
    ]


def _shot_lines() -> list[str]:
    turns = [f"    {{ user = {_toml(user)}, assistant = {_toml(assistant)} }}," for user, assistant in SHOTS]
    return ["shots = [ # examples for the tiny model; delete them for your own", *turns, "]"]


def _setting_lines(guess: FieldGuess) -> list[str]:
    return [
        f"{name} = {_toml(value)}" + (f" # {guess.reasons[name]}" if name in guess.reasons else "")
        for name, value in guess.settings.items()
    ]


def _toml(value: Any) -> str:
    """Write a text, number, flag or list as TOML; its basic strings are JSON's."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_toml, value))}]"
    assert not isinstance(value, Mapping)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
