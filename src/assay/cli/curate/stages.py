"""The seven stages as commands of one shape: each does its own stage and needs the earlier ones done."""

from collections.abc import Callable
from typing import Any

from assay.cli.narrator import Voice
from assay.cli.runner import DONE, PARTLY, AsJson, LakeDir, PlanPath, Sets, emit, exits, load, with_job

MEANING = {
    "ingest": "Read the plan's sources into problems and labels; malformed rows become drops.",
    "clean": "Drop empty, duplicate, contradictory and unverifiable problems, each with its reason.",
    "split": "Hold problems out for evaluation, before any score exists.",
    "score": "Let the policy attempt each training problem, and measure how hard it is.",
    "embed": "Turn problems into unit vectors, and vectors into clusters.",
    "select": "Choose the subset to train on.",
    "arrange": "Put the selection into its order.",
}


def commands() -> dict[str, Callable[..., None]]:
    """One command a stage, in the order of the walk."""
    return {stage: _command(stage, meaning) for stage, meaning in MEANING.items()}


def _command(stage: str, meaning: str) -> Callable[..., None]:
    def command(plan: PlanPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
        voice = Voice()
        with exits(voice):
            made = load(plan, lake, sets)
        with_job(made, f"curate {stage}", lambda job: _walk(job, stage, as_json, voice), voice, upto=stage)

    command.__doc__ = meaning
    return command


def _walk(job: Any, stage: str, as_json: bool, voice: Voice) -> int:
    from assay.pipelines.walk import walk

    outcome = walk(job, stage, only=True)[-1]
    told = {"stage": stage, "rows_in": outcome.rows_in, "rows_out": outcome.rows_out, "nothing_to_do": outcome.reused, **outcome.detail}
    if as_json:
        emit(told)
    elif outcome.reused:
        voice.say(f"{stage}: nothing to do ({outcome.rows_in} in, {outcome.rows_out} out)")
    else:
        voice.say(f"{stage}: " + ", ".join(f"{key} {value}" for key, value in told.items() if key not in ("stage", "nothing_to_do")))
    return PARTLY if outcome.partly else DONE
