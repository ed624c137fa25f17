"""What each cluster of the train side is about: size, mean difficulty, keywords, typical problems."""

from typing import Any

from assay.maths.text.keywords import keywords
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side
from assay.pipelines.data.scores import current_scores

TYPICAL = 2  # problems shown a cluster


def told(context: RunContext, inputs: StageResults, typical: int = TYPICAL) -> list[dict[str, Any]]:
    """One row a cluster, the largest first; difficulty is the mean of the posterior means, None where nothing is scored.  # [0, 1], 1 = always solved

    Typical problems are those nearest the cluster's centre, equal ones by id.

    Raises:
        ConfigError: the pool is not scored or not embedded.
    """
    problems, _ = side(context, inputs, "train")
    means = {row["problem_id"]: row["value"] for row in current_scores(context, inputs.rows_of("score"))}
    rows = context.lake.rows(
        "SELECT cluster, problem_id, similarity FROM clusters WHERE clustering_id = ? ORDER BY cluster, similarity DESC, problem_id",
        [inputs.rows_of("embed")],
    )
    groups: dict[int, list[str]] = {}
    for row in rows:
        groups.setdefault(row["cluster"], []).append(row["problem_id"])
    words = keywords({name: [problems[id_].text for id_ in ids] for name, ids in groups.items()})
    return [
        {
            "cluster": name,
            "size": len(ids),
            "mean": _mean([means[id_] for id_ in ids if id_ in means]),
            "keywords": words[name],
            "typical": [" ".join(problems[id_].text.split()) for id_ in ids[:typical]],
        }
        for name, ids in groups.items()
    ]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
