"""Find the synthesis whose rows are trained on or exported, and choose which of them are learnt."""

from collections.abc import Sequence
from typing import TypeVar

from assay.core.errors import ConfigError
from assay.core.offline_config import OfflineConfig
from assay.core.training_rows import PairRow, TargetRow
from assay.pipelines.context.results import StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.training_rows import IMPORTED, Synthesis, imported_synthesis_id
from assay.pipelines.stages.synthesize import Synthesize

Row = TypeVar("Row", bound=TargetRow | PairRow)


def find_synthesis(context: RunContext, inputs: StageResults, table: str, method: str) -> Synthesis:
    """Find the finished synthesis of a method that wrote rows into a table, for what the lake holds now.

    Args:
        context: the run.
        inputs: with `score`; a result of `synthesize` among them is taken as it is.
        table: targets, pairs or step_labels.
        method: its name; "" = the only one of `synthesize.methods` that has such rows; "imported" = steps with labels
            that `curate import rollouts --from prm` brought, as attempts of `synthesize.policy`, else of the config's
            policy.

    Raises:
        ConfigError: none is named, it is not done, or it has no such rows; the message names the command.
    """
    if method == IMPORTED:
        return _imported(context, table)
    own_result = inputs.get("synthesize")
    results, lacking = ([own_result], []) if own_result else _finished(context, inputs, method)
    having = [result for result in results if result.detail.get(table)]
    what = table.replace("_", " ")
    if len(having) > 1:
        names = ", ".join(str(result.detail["method"]) for result in having)
        raise ConfigError(f"{names} have {what}: choose one of them as the method to train on")
    if not having and lacking:
        command = f"curate synthesize CONFIG {lacking[0]}"
        raise ConfigError(f"{lacking[0]} is not up to date with the lake: run `{command}` first")
    if not having:
        names = ", ".join(str(result.detail["method"]) for result in results)
        raise ConfigError(f"{names} made no {what}; query the table {table} with `curate sql` to see which methods did")
    return Synthesis(table, str(having[0].detail["method"]), having[0].key.rows)


def _imported(context: RunContext, table: str) -> Synthesis:
    policy = context.config.synthesize.policy or context.config.policy.model
    query = "SELECT DISTINCT policy FROM step_labels WHERE method = ? ORDER BY policy"
    policies = [row["policy"] for row in context.lake.rows(query, [IMPORTED])] if table == "step_labels" else []
    if policy not in policies:
        known = f"; there are some of {', '.join(policies)}: set synthesize.policy" if policies else ""
        raise ConfigError(
            f"no {table.replace('_', ' ')} of {policy} were imported: `curate import rollouts FILE CONFIG --from prm` "
            f"brings steps with labels{known}"
        )
    return Synthesis(table, IMPORTED, imported_synthesis_id(policy))


def imitated_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the answers to avoid, which KTO alone reads."""
    return [row for row in rows if getattr(row, "desirable", True)]


def choose_learnt_rows(rows: Sequence[Row], config: OfflineConfig) -> list[Row]:
    """Return the rows that are learnt: verified ones, unless the config wants all, and none below its confidence."""
    return [row for row in rows if (row.verified or not config.verified) and row.confidence >= config.min_confidence]


def _finished(context: RunContext, inputs: StageResults, method: str) -> tuple[list[StageResult], list[str]]:
    """Return the results of the named methods that are done, and the names of those that are not."""
    names = (method,) if method else context.config.synthesize.methods
    if not names:
        raise ConfigError(
            "no method of synthesis is named: set sft.method, dpo.method, kto.method or synthesize.methods, or `--method` of an "
            "export; `curate synthesize CONFIG METHOD` makes its rows"
        )
    results = {name: Synthesize(context, inputs, name).finished() for name in names}
    finished_results = [result for result in results.values() if result is not None]
    return finished_results, [name for name, result in results.items() if result is None]
