"""Demonstrations of a problem: the policy's own stored correct answers first, then the gold answer as a sentence."""

import json
from collections.abc import Mapping, Sequence

from assay.core.types import Label, Problem
from assay.pipelines.context.run import RunContext

STORED = """
SELECT t.text FROM judged_attempts(?) r JOIN completions t ON t.id = r.rollout_id
WHERE r.problem_id = ? AND r.label_id = ? AND r.counts = 'correct' AND r.finish = 'stop'
GROUP BY t.text ORDER BY length(t.text), t.text LIMIT 4
"""


class Demonstrations:
    """Returns the texts of a problem's demonstrations by its id, stored ones first and of these the shortest first.

    A text may be wrong by the present verifier, so the caller judges it before it uses it.
    """

    def __init__(self, context: RunContext, problems: Mapping[str, Problem], labels: Mapping[str, Label]) -> None:
        self.context, self.problems, self.labels = context, problems, labels

    def __call__(self, problem_id: str) -> Sequence[str]:
        kinds = self.context.config.train.demonstrations
        stored_answers = self._stored(problem_id) if "stored" in kinds else []
        return [*stored_answers, *([self._gold(problem_id)] if "gold" in kinds else [])]

    def _stored(self, problem_id: str) -> list[str]:
        return [
            row["text"]
            for row in self.context.lake.rows(STORED, [self.context.mode, problem_id, self.labels[problem_id].id])
        ]

    def _gold(self, problem_id: str) -> str:
        """Fill the config's template with {answer} and with every field that the source kept."""
        text = self.context.config.train.gold_template.replace("{answer}", self.labels[problem_id].answer)
        for name, value in json.loads(self.problems[problem_id].metadata).items():
            text = text.replace(f"{{{name}}}", str(value))
        return text
