"""`curate grade`: answers judged against gold answers, without a config or a lake."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import AsJson, emit, exits
from assay.cli.tables import table
from assay.core.errors import ConfigError

SHOWN = 60  # characters of an answer in the table
File = Annotated[
    str,
    typer.Argument(
        metavar="[FILE]", help="One answer as text, or JSONL with the columns text and gold; - or nothing = stdin."
    ),
]
Gold = Annotated[
    str | None, typer.Option("--gold", help="The gold answer, of rows that have none of their own.", show_default=False)
]
Text = Annotated[str | None, typer.Option("--text", help="The answer itself, in place of a file.", show_default=False)]
Verifier = Annotated[str, typer.Option("--verifier", help="A part in verifiers/, or python:package.module:name.")]
Metadata = Annotated[
    str, typer.Option("--metadata", metavar="JSON", help="Fields of the problem that the verifier reads.")
]
Finish = Annotated[str, typer.Option("--finish", help="stop, or length for an answer that was cut.")]
Prompt = Annotated[str, typer.Option("--prompt", help="The question, for verifiers that look at it.")]
Allow = Annotated[
    bool, typer.Option("--allow-code", help="Let the verifier `code` run the answers' programs in its sandbox.")
]


def grade(
    file: File = "-",
    gold: Gold = None,
    text: Text = None,
    verifier: Verifier = "math",
    metadata: Metadata = "{}",
    finish: Finish = "stop",
    prompt: Prompt = "",
    allow_code: Allow = False,
    as_json: AsJson = False,
) -> None:
    """Judge one answer, or each row of a JSONL file, against a gold answer; strictly and leniently."""
    with exits(ConsoleReporter()):
        from assay.pipelines.analysis.grade import case_of, grade_all, rows_of

        given: dict[str, Any] = {
            "gold": gold,
            "verifier": verifier,
            "metadata": _object(metadata),
            "finish": finish,
            "prompt": prompt,
        }
        answer, many = (text, False) if text is not None else _read(file)
        if not many and gold is None:
            raise ConfigError("--gold is missing: there is nothing to compare the answer with")
        cases = rows_of(answer.split("\n"), **given) if many else [case_of(answer, **given)]
        found = [
            _shown(verdict, case.label.answer)
            for verdict, case in zip(grade_all(cases, allow_code=allow_code), cases, strict=True)
        ]
    if as_json:
        emit(found if many else found[0])
    elif many:
        _tell(found)
    else:
        _tell_one(found[0])


def _read(file: str) -> tuple[str, bool]:
    """The text of a file or of stdin, and whether its lines are rows: by the suffix, of stdin by whether it begins with such a row.

    Raises:
        ConfigError: no such file, or one that is no text.
    """
    try:
        answer = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"no answer to read from {file!r}: {(error.strerror or str(error)).lower()}; --text gives the answer itself"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file!r} is no UTF-8 text: {error.reason} at byte {error.start}") from error
    return answer, Path(file).suffix in (".jsonl", ".ndjson") or (file == "-" and _is_row(answer))


def _is_row(text: str) -> bool:
    try:
        row = json.loads(text.lstrip().partition("\n")[0])
    except ValueError:
        return False
    return isinstance(row, dict) and "text" in row


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--metadata is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"--metadata is an object, found {type(value).__name__}")
    return value


def _shown(verdict: Any, gold: str) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "lenient": verdict.in_mode("lenient").outcome,
        "reward": verdict.reward,
        "extracted": verdict.extracted,
        "gold": gold,
        "reason": verdict.reason,
        "verifier": f"{verdict.verifier}@{verdict.version}",
    }


def _tell_one(found: dict[str, Any]) -> None:
    console = page()
    leniently = "" if found["lenient"] == found["outcome"] else f" (leniently {found['lenient']})"
    console.print(f"{found['outcome']}{leniently}", style="bold", markup=False)
    for name in ("extracted", "gold", "reason", "verifier"):
        console.print(f"{name}: {_short(found[name])}", markup=False, soft_wrap=True)


def _tell(found: list[dict[str, Any]]) -> None:
    rows = [
        (number, each["outcome"], each["lenient"], _short(each["extracted"]), _short(each["gold"]), each["reason"])
        for number, each in enumerate(found, 1)
    ]
    console = page()
    console.print(table("", ("row", "strict", "lenient", "extracted", "gold", "how"), rows))
    for reading, name in (("strict", "outcome"), ("lenient", "lenient")):
        right = sum(each[name] == "correct" for each in found)
        console.print(f"{reading}: {right} of {len(found)} correct", markup=False)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
