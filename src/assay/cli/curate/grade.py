"""`curate grade`: answers judged against gold answers, without a config or a lake."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, print_json, report_errors
from assay.cli.tables import build_table
from assay.core.errors import ConfigError

SHOWN = 60  # characters of an answer in the table
File = Annotated[
    str,
    typer.Argument(
        metavar="[FILE]", help="One answer as text, or JSONL with the columns text and gold; - or nothing = stdin."
    ),
]
Gold = Annotated[str | None, typer.Option("--gold", help="The gold answer, for rows without one.", show_default=False)]
Text = Annotated[str | None, typer.Option("--text", help="The answer itself, instead of a file.", show_default=False)]
Verifier = Annotated[str, typer.Option("--verifier", help="A part in verifiers/, or python:package.module:name.")]
Metadata = Annotated[
    str, typer.Option("--metadata", metavar="JSON", help="Fields of the problem that the verifier reads.")
]
Finish = Annotated[str, typer.Option("--finish", help="How the answer ended: stop, or length if it was truncated.")]
Prompt = Annotated[str, typer.Option("--prompt", help="The question, for verifiers that need it.")]
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
    """Grade one answer, or each row of a JSONL file, against a gold answer, strictly and leniently."""
    with report_errors(ConsoleReporter()):
        from assay.pipelines.analysis.grade import case_of, grade_all, rows_of

        defaults: dict[str, Any] = {
            "gold": gold,
            "verifier": verifier,
            "metadata": _parse_object(metadata),
            "finish": finish,
            "prompt": prompt,
        }
        answer, many = (text, False) if text is not None else _read_answer(file)
        if not many and gold is None:
            raise ConfigError("--gold is missing: it names the answer to compare with")
        cases = rows_of(answer.split("\n"), **defaults) if many else [case_of(answer, **defaults)]
        results = [
            _describe_verdict(verdict, case.label.answer)
            for verdict, case in zip(grade_all(cases, allow_code=allow_code), cases, strict=True)
        ]
    if as_json:
        print_json(results if many else results[0])
    elif many:
        _print_verdicts(results)
    else:
        _print_verdict(results[0])


def _read_answer(file: str) -> tuple[str, bool]:
    """Read the text of a file or of stdin.

    Returns:
        The text, and whether its lines are rows: by a file's suffix, or because stdin begins with such a row.

    Raises:
        ConfigError: there is no such file, or it is no text.
    """
    try:
        answer = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"cannot read an answer from {file!r}: {(error.strerror or str(error)).lower()}; --text gives the answer "
            "itself"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file!r} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return answer, Path(file).suffix in (".jsonl", ".ndjson") or (file == "-" and _is_row(answer))


def _is_row(text: str) -> bool:
    try:
        row = json.loads(text.lstrip().partition("\n")[0])
    except ValueError:
        return False
    return isinstance(row, dict) and "text" in row


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--metadata is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"--metadata must be a JSON object, found {type(value).__name__}")
    return value


def _describe_verdict(verdict: Any, gold: str) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "lenient": verdict.in_mode("lenient").outcome,
        "reward": verdict.reward,
        "extracted": verdict.extracted,
        "gold": gold,
        "reason": verdict.reason,
        "verifier": f"{verdict.verifier}@{verdict.version}",
    }


def _print_verdict(result: dict[str, Any]) -> None:
    console = open_console()
    leniently = "" if result["lenient"] == result["outcome"] else f" (leniently {result['lenient']})"
    console.print(f"{result['outcome']}{leniently}", style="bold", markup=False)
    for name in ("extracted", "gold", "reason", "verifier"):
        console.print(f"{name}: {_shorten(result[name])}", markup=False, soft_wrap=True)


def _print_verdicts(results: list[dict[str, Any]]) -> None:
    rows = [
        (
            number,
            result["outcome"],
            result["lenient"],
            _shorten(result["extracted"]),
            _shorten(result["gold"]),
            result["reason"],
        )
        for number, result in enumerate(results, 1)
    ]
    console = open_console()
    console.print(build_table("", ("row", "strict", "lenient", "extracted", "gold", "how"), rows))
    for reading, name in (("strict", "outcome"), ("lenient", "lenient")):
        right = sum(result[name] == "correct" for result in results)
        console.print(f"{reading}: {right} of {len(results)} correct", markup=False)


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
