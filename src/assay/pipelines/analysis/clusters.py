"""What each cluster of the train side is about: size, mean difficulty, keywords, typical problems."""

from typing import Any

from assay.maths.text.keywords import keywords
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.data.scores import current_scores

TYPICAL = 2  # problems shown per cluster


def describe_clusters(context: RunContext, inputs: StageResults, typical: int = TYPICAL) -> list[dict[str, Any]]:
    """Describe each cluster of the train side.

    Args:
        context: the run.
        inputs: with `score` and `embed`.
        typical: problems shown per cluster: those nearest its centre, equally near ones by id.

    Returns:
        One row per cluster, the largest first: cluster, size, mean (of its problems' posterior means, in [0, 1] with
        1 = always solved, None where nothing is scored), keywords and typical (the problems' texts).

    Raises:
        ConfigError: the pool is not scored or not embedded.
    """
    problems, _ = read_side(context, inputs, "train")
    means = {row["problem_id"]: row["value"] for row in current_scores(context, inputs.rows_of("score"))}
    rows = context.lake.rows(
        "SELECT cluster, problem_id, similarity FROM clusters WHERE clustering_id = ? "
        "ORDER BY cluster, similarity DESC, problem_id",
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
