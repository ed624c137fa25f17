"""Run methods of synthesis on what scoring left; what the ledger knows is not done again."""

from collections.abc import Sequence

from assay.core.errors import ConfigError
from assay.core.synthesis import SynthesisSummary
from assay.pipelines.context.results import StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_planned, run_stages
from assay.pipelines.stages import SYNTHESIZE
from assay.pipelines.stages.synthesize import Synthesize, require_evidence


def run_synthesis(context: RunContext, method: str = "") -> list[StageResult]:
    """Run one method, or all of `synthesize.methods` in their order.

    Args:
        context: the run.
        method: a method's name; "" = those of the config.

    Returns:
        One result per method.

    Raises:
        ConfigError: scoring is not done, no method is named or known, or the lake lacks what it reads.
        Stopped: the run was asked to stop; what was committed is kept.
    """
    inputs = run_stages(context, "score", only=True)
    results = []
    for name in named_methods(context, method):
        stage = Synthesize(context, inputs, name)
        results.append(stage.finished() or run_planned(stage))
    return results


def forecast_synthesis(context: RunContext, method: str = "") -> dict[str, SynthesisSummary]:
    """Return what methods expect to draw, by name, without drawing anything.

    Raises:
        ConfigError: as `run_synthesis`.
    """
    inputs = run_stages(context, "score", only=True)
    forecasts = {}
    for name in named_methods(context, method):
        stage = Synthesize(context, inputs, name)
        require_evidence(context, stage.evidence, name, stage.part)
        forecasts[name] = stage.forecast()
    return forecasts


def finished_synthesis(context: RunContext, inputs: StageResults, method: str) -> StageResult | None:
    """Look the result of a method up for the evidence that the lake holds now; None where it is not done.

    Its `key.rows` is the `synthesis_id` of the rows.
    """
    return Synthesize(context, inputs, method).finished()


def named_methods(context: RunContext, method: str) -> Sequence[str]:
    """Return the methods to run.

    Raises:
        ConfigError: none is named.
    """
    names = (method,) if method else context.config.synthesize.methods
    if not names:
        raise ConfigError(
            f"{SYNTHESIZE.name}: no method is named: run `curate synthesize CONFIG METHOD`, or set synthesize.methods"
        )
    return names
