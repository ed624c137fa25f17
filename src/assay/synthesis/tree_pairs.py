"""`tree_pairs`: preferences between steps of a tree search: the better and the worse continuation of a beginning."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import Pair, SearchedProblem, StepLabels, StepValue, SynthesisSummary, TreeNode


@dataclass(frozen=True)
class TreePairs:
    """Pair the children of each node of a stored search by the share of right completions from them.

    rule = "sibling" walks the path of the best children from the root, and at each step pairs the best with the worst
    child (MCTS-DPO). "q_gap" pairs the best with the worst child of every node whose values differ by at least
    `min_gap` (Agent Q). "deficient" is "q_gap" on the problems alone that the policy solves at most `max_rate` of the
    time by its completions in the tree (iTool).

    The margin is the difference of the values. The soft label is 1 - s with MCTS-DPO's smoothing
    s = min(1 - 1/(1 + N_worse / max(1, N_better)), 1/2) of the children's visits, so it lies in [1/2, 1]. Children that
    were never completed to a verdict, and equal values, give no pair. Each path from the root to a finished node also
    becomes a row of step labels.

    A search that stopped at its first right answer (`score.use_all_iterations = false`) holds no right completion
    behind a step but the last, and so hardly any pair.

    Source: arXiv:2405.00451 (MCTS-DPO), sec. 3 and released code; arXiv:2408.07199 (Agent Q); arXiv:2501.09766 (iTool).
    """

    needs: ClassVar[tuple[str, ...]] = ("searched",)
    draws: ClassVar[bool] = False

    rule: Literal["sibling", "q_gap", "deficient"] = "sibling"
    min_gap: Annotated[float, Field(ge=0, le=1)] = 0.2  # of q_gap and deficient: difference of values
    max_rate: Annotated[float, Field(ge=0, le=1)] = 0.5  # of deficient: share of right completions of a problem
    min_visits: Annotated[int, Field(ge=1)] = 1  # of a child; with fewer it is on neither side

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Pair | StepLabels | SynthesisSummary]:
        """Yield pairs and step labels, and how many trees had none."""
        counts = {"trees": 0, "paired": 0, "without_gap": 0}
        for problem in evidence.searched():
            pairs = list(self._pairs(problem))
            counts["trees"] += 1
            counts["paired" if pairs else "without_gap"] += 1
            yield from pairs
            yield from paths(problem)
        line = f"{counts['paired']} of {counts['trees']} trees gave pairs; in the others no two siblings differ enough"
        yield SynthesisSummary(counts, (line,))

    def _pairs(self, problem: SearchedProblem) -> Iterator[Pair]:
        tree = children(problem.nodes)
        root = problem.nodes[0]
        if self.rule == "deficient" and (root.value is None or root.value > self.max_rate):
            return
        for node in best_path(root, tree) if self.rule == "sibling" else problem.nodes:
            valued = [child for child in tree.get(node.id, []) if child.value is not None]
            valued = [child for child in valued if child.visits >= self.min_visits]
            if len(valued) < 2:
                continue
            best, worst = max(valued, key=worth), min(valued, key=worth)
            gap = (best.value or 0.0) - (worst.value or 0.0)
            if gap > 0 and (self.rule == "sibling" or gap >= self.min_gap):
                yield self._pair(problem, node, best, worst, gap)

    def _pair(self, problem: SearchedProblem, node: TreeNode, best: TreeNode, worst: TreeNode, gap: float) -> Pair:
        return Pair(
            problem.problem_id,
            self.rule,
            best.id,
            worst.id,
            label_id=problem.label.id,
            prefix_id=node.id,
            prefix=text_to(problem.nodes, node) or None,
            chosen_text=best.text,
            rejected_text=worst.text,
            margin=gap,
            soft_label=1 - smoothing(best.visits, worst.visits),
            confidence=better(best, worst),
            policy=problem.policy or None,
            parents=(node.id, best.id, worst.id),
        )


def smoothing(best_visits: int, worst_visits: int) -> float:
    """Return MCTS-DPO's label smoothing, in [0, 1/2].

    >>> smoothing(5, 0), smoothing(3, 1), smoothing(3, 9)
    (0.0, 0.25, 0.5)
    """
    return min(1 - 1 / (1 + worst_visits / max(1, best_visits)), 0.5)


def better(best: TreeNode, worst: TreeNode) -> float:
    """Return the probability that the first has the higher rate, by normal approximation of two Beta posteriors."""
    means, variances = [], []
    for node in (best, worst):
        a, b = node.n_correct + 0.5, node.n_wrong + 0.5
        means.append(a / (a + b))
        variances.append(a * b / ((a + b) ** 2 * (a + b + 1)))
    return 0.5 * (1 + math.erf((means[0] - means[1]) / math.sqrt(2 * sum(variances))))


def worth(node: TreeNode) -> tuple[float, int]:
    """Order nodes by value; of equal ones the more visited is higher."""
    return (node.value or 0.0, node.visits)


def children(nodes: Sequence[TreeNode]) -> dict[str, list[TreeNode]]:
    """Return the children of each node in their order."""
    tree: dict[str, list[TreeNode]] = {}
    for node in nodes[1:]:
        tree.setdefault(node.parent, []).append(node)
    return tree


def best_path(root: TreeNode, tree: Mapping[str, Sequence[TreeNode]]) -> Iterator[TreeNode]:
    """Yield the nodes from the root along the child of the highest value."""
    node: TreeNode | None = root
    while node is not None:
        yield node
        valued = [child for child in tree.get(node.id, []) if child.value is not None]
        node = max(valued, key=worth, default=None)


def lineage(nodes: Sequence[TreeNode], node: TreeNode) -> list[TreeNode]:
    """Return the nodes from below the root to this one."""
    by_id, path = {each.id: each for each in nodes}, []
    while node.parent:
        path.append(node)
        node = by_id[node.parent]
    return path[::-1]


def text_to(nodes: Sequence[TreeNode], node: TreeNode) -> str:
    """Return the begun answer up to and with a node."""
    return "".join(each.text for each in lineage(nodes, node))


def paths(problem: SearchedProblem) -> Iterator[StepLabels]:
    """Yield each path from the root to a finished node as steps with their values."""
    for node in problem.nodes[1:]:
        if not node.finished or node.value is None:
            continue
        steps = lineage(problem.nodes, node)
        yield StepLabels(
            problem.problem_id,
            tuple(StepValue(step.text, step.n_correct + step.n_wrong, step.n_correct) for step in steps),
            correct=node.value == 1,
            policy=problem.policy or None,
            parents=tuple(step.id for step in steps),
        )
