"""Which rows of a lake the page shows: those of a config's stages, or of the latest of each stage in the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.context.results import StageKey
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import survey_stages
from assay.stores.reader import LakeReader

LEDGER = """
SELECT s.stage, s.key, s.rows_in, s.rows_out, s.seconds, s.run, r.time
FROM stages s LEFT JOIN (SELECT run, min(time) AS time FROM runs WHERE event = 'start' GROUP BY run) r USING (run)
WHERE s.stage <> 'asked' ORDER BY r.time NULLS FIRST, s.id
"""
ASKED = "SELECT policy, any_value(policy_name) AS name, sampler, count(*) AS n FROM rollouts WHERE step IS NULL GROUP BY policy, sampler"
SCORED = "SELECT policy, sampler, any_value(verifier) AS verifier FROM scores WHERE scoring_id = ? GROUP BY policy, sampler LIMIT 1"
TRAINED = "SELECT training FROM train_metrics GROUP BY training ORDER BY max(run) LIMIT 1"
ORDER_STAGES = ("order", "arrange")  # the same stage under its present and its earlier name


@dataclass(frozen=True, slots=True)
class ViewKeys:
    """The ids that rows of the shown stages carry; "" = there are none."""

    pools: tuple[str, ...] = ()
    clean: str = ""
    split: str = ""
    scoring: str = ""
    clustering: str = ""
    selection: str = ""
    curriculum: str = ""
    training: str = ""
    policy: str = ""  # revision
    policy_name: str = ""
    sampler: str = ""
    mode: str = "strict"
    stages: tuple[Mapping[str, Any], ...] = field(default=(), hash=False, compare=False)

    @property
    def drops(self) -> list[str]:
        """The keys under which rows were dropped."""
        return [*self.pools, *([self.clean] if self.clean else [])]


def latest_keys(reader: LakeReader) -> ViewKeys:
    """Return the keys of the latest result of each stage in the lake.

    Args:
        reader: the lake.
    """
    ledger = reader.rows(LEDGER)
    latest = {row["stage"]: row for row in ledger}
    ids = {stage: StageKey.parse(row["key"]).rows for stage, row in latest.items()}
    order = next((ids[name] for name in ORDER_STAGES if name in ids), "")
    newest = latest["ingest"]["run"] if "ingest" in latest else ""
    keys = ViewKeys(
        pools=_pools(reader, ledger, newest),
        clean=ids.get("clean", ""),
        split=ids.get("split", ""),
        scoring=ids.get("score", ""),
        clustering=ids.get("embed", ""),
        selection=ids.get("select", ""),
        curriculum=order,
        training=ids.get("train", "") or str(reader.one(TRAINED).get("training", "")),
        stages=tuple(latest[name] for name in latest if name != "asked"),
    )
    return _with_policy(reader, keys)


def _pools(reader: LakeReader, ledger: Sequence[Mapping[str, Any]], run: str) -> tuple[str, ...]:
    """Return the pools of the last run that read sources: every problem where no pool is known."""
    read = tuple(row["key"] for row in ledger if row["stage"] == "ingest" and row["run"] == run)
    present = {row["pool"] for row in reader.rows("SELECT DISTINCT pool FROM pool_members")}
    return tuple(pool for pool in read if pool in present)


def config_keys(context: RunContext, reader: LakeReader) -> ViewKeys:
    """Return the keys of a config's stages, as far as they are done; no stage is run.

    Args:
        context: the run, with an opening of the lake of its own.
        reader: the lake.
    """
    survey = survey_stages(context)
    results = survey.results
    rows = {result.stage: result.key.rows for result in results}
    scoring = rows.get("score", "")
    if not scoring and survey.following is not None and survey.following.name == "score":
        scoring = survey.following.key.rows
    stages = tuple(
        {
            "stage": result.stage,
            "rows_in": result.rows_in,
            "rows_out": result.rows_out,
            "seconds": result.seconds,
            "key": str(result.key),
        }
        for result in results
    )
    keys = ViewKeys(
        pools=tuple(results.of("ingest").key.parts) if "ingest" in results else (),
        clean=rows.get("clean", ""),
        split=rows.get("split", ""),
        scoring=scoring,
        clustering=rows.get("embed", ""),
        selection=rows.get("select", ""),
        curriculum=next((rows[name] for name in ORDER_STAGES if name in rows), ""),
        training=_training_key(context, survey.following is None),
        policy=context.policy.revision,
        policy_name=context.policy.name,
        sampler=context.sampler.id,
        mode=context.mode,
        stages=stages,
    )
    return keys if keys.stages else _with_policy(reader, keys)


def _training_key(context: RunContext, is_curated: bool) -> str:
    if not is_curated or not context.lake.rows("SELECT 1 FROM train_metrics LIMIT 1"):
        return ""
    from assay.pipelines.runner.stages import plan_training

    try:
        return plan_training(context).key.rows
    except ConfigError:
        return ""


def _with_policy(reader: LakeReader, keys: ViewKeys) -> ViewKeys:
    """Add the policy and sampling of the scores; where nothing is scored, those with the most attempts."""
    by_score = reader.one(SCORED, [keys.scoring]) if keys.scoring else {}
    by_attempts = reader.rows(ASKED)
    if not by_score and not by_attempts:
        return keys
    mine = by_score or max(by_attempts, key=lambda row: row["n"])
    name = next((row["name"] for row in by_attempts if row["policy"] == mine["policy"]), mine["policy"])
    return replace(keys, policy=mine["policy"], sampler=mine["sampler"], policy_name=name)
