"""`s3ft`: imitate the policy's own right answer, else a paraphrase of the gold solution, else the gold itself."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, SynthesisSummary, Target
from assay.core.types import Label, Problem

TIERS = ("own", "paraphrase", "gold")
SLICE = 256  # problems whose gold solutions are paraphrased at a time


@dataclass(frozen=True)
class S3ft:
    """Choose one answer to imitate per problem, the nearest to what the policy would write (tiers 0, 1 and 2).

    Tier 0: the policy's own right answer, its first by sample index. Tier 1: where it has none, the first of
    `paraphrases` rewordings of the gold solution by the policy that the verifier accepts. Tier 2: the gold solution.
    Which tier a problem falls into is a function of verdicts alone. The gold solution is the field `solution` that the
    source kept, else the gold answer in `gold_template`.

    Source: arXiv:2502.08130 (selective self-to-supervised fine-tuning), fig. 1: tiers of 49.5, 42.1 and 8.4% on GSM8K.
    The words of the paraphrasing prompt are ours.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "attempt")
    draws: ClassVar[bool] = False

    paraphrases: Annotated[int, Field(ge=0)] = 0  # attempts at a rewording per problem without a right answer; 0 = none
    solution: str = "solution"  # a field that the source kept: the worked solution
    gold_template: str = "{answer}"  # a gold answer as a completion, where no solution was kept
    prompt: str = (
        "Here is a problem and its solution. Write the solution again in your own words, step by step, and end with "
        "the same final answer.\n\nProblem:\n{problem}\n\nSolution:\n{solution}"
    )

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield one target per problem, and the share of each tier."""
        tiers, waiting = Counter[str](), list[AttemptedProblem]()
        for problem in evidence.attempted():
            own = next((attempt for attempt in problem.attempts if attempt.correct), None)
            if own is None:
                waiting.append(problem)
            else:
                tiers["own"] += 1
                yield Target(
                    problem.problem_id, problem.label.id, own.rollout_id, policy=own.policy, parents=(own.rollout_id,)
                )
            if len(waiting) == SLICE:
                yield from self._from_gold(evidence, waiting, tiers)
                waiting = []
        yield from self._from_gold(evidence, waiting, tiers)
        total = tiers.total()
        shares = {tier: tiers[tier] / total if total else 0.0 for tier in TIERS}
        line = f"{total} targets: " + ", ".join(f"{tier} {share:.1%}" for tier, share in shares.items())
        yield SynthesisSummary({**{tier: tiers[tier] for tier in TIERS}}, (line,))

    def _from_gold(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], tiers: Counter[str]
    ) -> Iterator[Target]:
        ids = [problem.problem_id for problem in problems]
        solutions = evidence.field(self.solution, ids) if ids else {}
        golds = {
            problem.problem_id: str(
                solutions.get(problem.problem_id) or self.gold_template.replace("{answer}", problem.label.answers[0])
            )
            for problem in problems
        }
        labels = {problem.problem_id: problem.label for problem in problems}
        reworded = self._paraphrased(evidence, golds, labels) if self.paraphrases and ids else {}
        for problem in problems:
            id_ = problem.problem_id
            tier = "paraphrase" if id_ in reworded else "gold"
            tiers[tier] += 1
            yield Target(
                id_,
                problem.label.id,
                completion=reworded.get(id_, golds[id_]),
                tier=TIERS.index(tier),
                origin="paraphrase" if tier == "paraphrase" else "gold",
                parents=(problem.label.id,),
            )

    def _paraphrased(
        self, evidence: SynthesisEvidence, golds: dict[str, str], labels: dict[str, Label]
    ) -> dict[str, str]:
        """Let the policy reword gold solutions; return the first right rewording per problem."""
        originals = evidence.problems(list(golds))
        prompts = {}
        for id_, problem in originals.items():
            prompt = self.prompt.replace("{problem}", problem.text).replace("{solution}", golds[id_])
            prompts[id_] = Problem.of(prompt, source=problem.source, metadata=json.loads(problem.metadata))
        pairs = [(prompts[id_], labels[id_]) for id_ in prompts]
        rewordings = {
            item.problem_id: next((attempt.text for attempt in item.attempts if attempt.correct), None)
            for item in evidence.attempt(pairs, self.paraphrases)
        }
        return {id_: text for id_, problem in prompts.items() if (text := rewordings.get(problem.id)) is not None}
