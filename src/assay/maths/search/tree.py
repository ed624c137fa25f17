"""Monte-Carlo tree search over the steps of an answer: a generator that requests texts and verdicts, and no model.

A step is the text between two delimiters. A node is finished when the model ended its answer there, when there was no
room for more, or when it is `config.steps` deep. Iterations count from 1. One iteration descends by the rule to a node
without children; unless it is finished, expands it by `children` independently drawn next steps (equal ones stay
separate) and goes to one of them at random; completes the answer from there; has it judged; and counts the visit on the
way back. A finished node is judged once, and its verdict is kept for every later visit. The search ends at the first
right answer, unless `exhaust`, or at `iterations`: then it is censored.

Source: ThinkLite-VL, arXiv:2504.07934, sec. 3.1, and its released search. Differences: an unsolved search is a result;
the verdict of a leaf is not drawn again (a judge who is wrong in 2% of calls "solves" 64% of unsolvable problems in 50
tries); the last visit is counted too. Until the first right answer every value is 0, so `uct` and `visits` choose
alike; they differ only under `exhaust`.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from assay.core.tree_search import SearchConfig
from assay.core.types import Counts, Outcome

End = Literal["open", "closed", "cut"]  # another step may follow; the model ended its answer; there was no room


@dataclass(frozen=True, slots=True)
class SearchStep:
    """A piece of an answer, its delimiter included."""

    text: str
    tokens: int
    end: End


@dataclass(frozen=True, slots=True)
class Expand:
    """Request one next step after a partial answer, for each of `samples`."""

    prefix: str
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """Request the rest of a partial answer, at most `steps` further steps."""

    prefix: str
    samples: tuple[int, ...]  # one
    steps: int


@dataclass(frozen=True, slots=True)
class NodeJudge:
    """Request the verdict on a whole answer."""

    text: str
    closed: bool  # False: it was truncated


TreeRequest = Expand | Complete | NodeJudge
TreeReply = Sequence[SearchStep] | Outcome


@dataclass(slots=True)
class Node:
    """A step in its place; or, if `completes`, the rest of one answer, through which no path leads."""

    parent: int | None
    depth: int  # steps from the root
    text: str
    tokens: int
    end: End
    completes: bool = False
    children: list[int] = field(default_factory=list)
    visits: int = 0
    counts: Counts = field(default_factory=Counts)  # answers through this node, by outcome
    verdict: Outcome | None = None

    @property
    def value(self) -> float:
        """Right answers per visit.  # [0, 1], 0 = never visited or never right"""
        return self.counts.correct / self.visits if self.visits else 0.0


@dataclass(slots=True)
class Tree:
    """A search so far: node 0 is the problem without any answer."""

    nodes: list[Node] = field(default_factory=lambda: [Node(None, 0, "", 0, "open")])
    iterations: int = 0
    solved_at: int | None = None  # iteration of the first right answer, from 1
    answer: str = ""  # that answer

    @property
    def tokens(self) -> int:
        """Generated tokens of all nodes."""
        return sum(node.tokens for node in self.nodes)

    @property
    def counts(self) -> Counts:
        """Iterations by the outcome of their answer."""
        return self.nodes[0].counts

    def add(self, parent: int, step: SearchStep, *, completes: bool = False) -> int:
        """The index of a new node; one that completes an answer is not a child of its parent."""
        self.nodes.append(Node(parent, self.nodes[parent].depth + 1, step.text, step.tokens, step.end, completes))
        if not completes:
            self.nodes[parent].children.append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def prefix(self, index: int | None) -> str:
        """The partial answer down to a node."""
        texts: list[str] = []
        while index is not None:
            texts.append(self.nodes[index].text)
            index = self.nodes[index].parent
        return "".join(reversed(texts))

    def descend(self, config: SearchConfig) -> list[int]:
        """The path from the root to a node without children, at each fork by the rule; of equal children the first."""
        path = [0]
        while children := self.nodes[path[-1]].children:
            visits = self.nodes[path[-1]].visits
            scores = [
                child_score(self.nodes[child].value, self.nodes[child].visits, visits, config) for child in children
            ]
            path.append(children[scores.index(max(scores))])
        return path

    def backpropagate(self, path: Sequence[int], outcome: Outcome) -> None:
        """Counts one answer in every node of a path."""
        for index in path:
            node = self.nodes[index]
            node.visits, node.counts = node.visits + 1, node.counts.plus(outcome)


def child_score(value: float, visits: int, parent_visits: int, config: SearchConfig) -> float:
    """A child's score is value + c sqrt(ln N / n), infinite if n = 0 (uct); or c sqrt(N) / (1 + n) (visits).

    N: the parent's visits; n: the child's.

    >>> config = SearchConfig(rule="visits", exploration=2.0)
    >>> child_score(0.0, 1, 9, config), child_score(1.0, 2, 9, config)
    (3.0, 2.0)
    """
    if config.rule == "visits":
        return config.exploration * math.sqrt(parent_visits) / (1 + visits)
    return value + config.exploration * math.sqrt(math.log(parent_visits) / visits) if visits else math.inf


def search(config: SearchConfig, rng: np.random.Generator) -> Generator[TreeRequest, TreeReply, Tree]:
    """A search requests steps, rests of answers and verdicts until it is solved or out of iterations.

    It returns its tree. Send it a SearchStep for each sample that it requests, in their order, and an Outcome for a
    NodeJudge. Sample numbers never repeat within one search, so equal beginnings draw different continuations.
    """
    tree = Tree()
    while tree.iterations < config.iterations and (config.exhaust or tree.solved_at is None):
        number = tree.iterations
        path = tree.descend(config)
        if not is_finished(tree.nodes[path[-1]], config):
            first = config.children * number
            steps = yield Expand(tree.prefix(path[-1]), tuple(range(first, first + config.children)))
            children = [tree.add(path[-1], _as_step(step)) for step in steps]
            path.append(children[int(rng.integers(len(children)))])
        sample = config.children * config.iterations + number
        outcome, answer = yield from _complete_and_judge(tree, path, config, sample=sample)
        tree.backpropagate(path, outcome)
        tree.iterations += 1
        if outcome == "correct" and tree.solved_at is None:
            tree.solved_at, tree.answer = tree.iterations, answer
    return tree


def is_finished(node: Node, config: SearchConfig) -> bool:
    """Whether no step may follow."""
    return node.end != "open" or node.depth >= config.steps


def _complete_and_judge(
    tree: Tree, path: list[int], config: SearchConfig, *, sample: int
) -> Generator[TreeRequest, TreeReply, tuple[Outcome, str]]:
    """The outcome of one answer through the last node of the path, and that answer; its rest becomes a node."""
    leaf = tree.nodes[path[-1]]
    prefix = tree.prefix(path[-1])
    if is_finished(leaf, config):
        if leaf.verdict is None:
            leaf.verdict = _as_outcome((yield NodeJudge(prefix, leaf.end == "closed")))
        return leaf.verdict, prefix
    rest = _as_step((yield Complete(prefix, (sample,), config.steps - leaf.depth))[0])
    index = tree.add(path[-1], rest, completes=True)
    outcome = _as_outcome((yield NodeJudge(prefix + rest.text, rest.end == "closed")))
    tree.nodes[index].verdict = outcome
    tree.backpropagate([index], outcome)
    return outcome, prefix + rest.text


def _as_step(reply: SearchStep | str) -> SearchStep:
    if not isinstance(reply, SearchStep):
        raise TypeError(f"the search expected a step, found {reply!r}")
    return reply


def _as_outcome(reply: TreeReply) -> Outcome:
    if not isinstance(reply, str):
        raise TypeError(f"the search expected a verdict, found {reply!r}")
    return reply


def trim_steps(text: str, *, delimiter: str, steps: int, mark: str = "") -> tuple[str, bool]:
    """The text up to its `steps`-th delimiter, or the one after the step that holds `mark`; and whether it was cut.

    Without a delimiter nothing is cut.

    >>> trim_steps("a;b;c", delimiter=";", steps=2), trim_steps("a;b;c", delimiter=";", steps=3)
    (('a;b;', True), ('a;b;c', False))
    >>> trim_steps("a;so 4;more", delimiter=";", steps=9, mark="so ")
    ('a;so 4;', True)
    """
    if not delimiter:
        return text, False
    pieces = text.split(delimiter)
    last = min([steps, *(number for number, piece in enumerate(pieces, 1) if mark and mark in piece)])
    if last >= len(pieces):
        return text, False
    trimmed = delimiter.join(pieces[:last]) + delimiter
    return trimmed, len(trimmed) < len(text)
