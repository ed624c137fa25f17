"""Monte-Carlo tree search over the steps of an answer, as a generator: it asks for texts and verdicts and never sees a model.

A step is what stands between two delimiters. A node is over when the model closed its answer there, when there was no room for more,
or when it is `rules.steps` deep. Iterations are counted from 1. One iteration: walk down by the rule to a node that has no children;
unless it is over, give it `children` independently drawn next steps (equal ones stay apart) and go to one of them at random; complete
the answer from there; have it judged; count the visit on the way back. A node that is over is judged once, and its verdict is kept for
every later visit. The search ends at the first right answer, unless `exhaust`, or at `iterations`: then it is censored.

Source: ThinkLite-VL, arXiv:2504.07934, sec. 3.1, and its released search. Differs: an unsolved search is a result; the verdict of a leaf
is not drawn anew (a judge who is wrong in 2% of calls "solves" 64% of unsolvable problems in 50 tries); the last visit is counted too.
Until the first right answer every value is 0, so that `uct` and `visits` choose alike; they differ only under `exhaust`.
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
    """Asks for one next step behind a begun answer, once for each of `samples`."""

    prefix: str
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """Asks for the rest of a begun answer, at most `steps` further steps."""

    prefix: str
    samples: tuple[int, ...]  # one
    steps: int


@dataclass(frozen=True, slots=True)
class NodeJudge:
    """Asks for the verdict on a whole answer."""

    text: str
    closed: bool  # False: it was cut


TreeRequest = Expand | Complete | NodeJudge
TreeReply = Sequence[SearchStep] | Outcome


@dataclass(slots=True)
class Node:
    """A step in its place; or, where `completes`, the rest of one answer, which no walk passes."""

    parent: int | None
    depth: int  # steps from the root
    text: str
    tokens: int
    end: End
    completes: bool = False
    children: list[int] = field(default_factory=list)
    visits: int = 0
    counts: Counts = field(default_factory=Counts)  # answers through here, by outcome
    verdict: Outcome | None = None

    @property
    def value(self) -> float:
        """Right answers a visit.  # [0, 1], 0 = never visited or never right"""
        return self.counts.correct / self.visits if self.visits else 0.0


@dataclass(slots=True)
class Tree:
    """A search so far: node 0 is the problem with nothing said."""

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
        """The place of a new node; one that completes an answer is nobody's child."""
        self.nodes.append(Node(parent, self.nodes[parent].depth + 1, step.text, step.tokens, step.end, completes))
        if not completes:
            self.nodes[parent].children.append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def prefix(self, place: int | None) -> str:
        """What has been said down to a node."""
        texts: list[str] = []
        while place is not None:
            texts.append(self.nodes[place].text)
            place = self.nodes[place].parent
        return "".join(reversed(texts))

    def walk(self, rules: SearchConfig) -> list[int]:
        """The way from the root to a node without children, at each fork by the rule; of equals the first."""
        path = [0]
        while children := self.nodes[path[-1]].children:
            above = self.nodes[path[-1]].visits
            path.append(
                max(children, key=lambda child: worth(self.nodes[child].value, self.nodes[child].visits, above, rules))
            )
        return path

    def back(self, path: Sequence[int], outcome: Outcome) -> None:
        """Counts one answer on the way."""
        for place in path:
            node = self.nodes[place]
            node.visits, node.counts = node.visits + 1, node.counts.plus(outcome)


def worth(value: float, visits: int, above: int, rules: SearchConfig) -> float:
    """A child's claim to be walked to: value + c sqrt(ln N / n), infinite where n = 0 (uct); or c sqrt(N) / (1 + n) (visits).

    N: the parent's visits; n: the child's.

    >>> rules = SearchConfig(rule="visits", exploration=2.0)
    >>> worth(0.0, 1, 9, rules), worth(1.0, 2, 9, rules)
    (3.0, 2.0)
    """
    if rules.rule == "visits":
        return rules.exploration * math.sqrt(above) / (1 + visits)
    return value + rules.exploration * math.sqrt(math.log(above) / visits) if visits else math.inf


def search(rules: SearchConfig, rng: np.random.Generator) -> Generator[TreeRequest, TreeReply, Tree]:
    """Asks for steps, rests of answers and verdicts until it is solved or the iterations are spent, and returns the tree.

    Send it a Step for each sample that it asks for, in their order, and an Outcome for a Judge. Sample numbers never repeat within
    one search, so equal beginnings draw different continuations.
    """
    tree = Tree()
    while tree.iterations < rules.iterations and (rules.exhaust or tree.solved_at is None):
        number = tree.iterations
        path = tree.walk(rules)
        if not over(tree.nodes[path[-1]], rules):
            first = rules.children * number
            steps = yield Expand(tree.prefix(path[-1]), tuple(range(first, first + rules.children)))
            places = [tree.add(path[-1], _step(each)) for each in steps]
            path.append(places[int(rng.integers(len(places)))])
        outcome, answer = yield from _answered(tree, path, rules, sample=rules.children * rules.iterations + number)
        tree.back(path, outcome)
        tree.iterations += 1
        if outcome == "correct" and tree.solved_at is None:
            tree.solved_at, tree.answer = tree.iterations, answer
    return tree


def over(node: Node, rules: SearchConfig) -> bool:
    """Whether no step may follow."""
    return node.end != "open" or node.depth >= rules.steps


def _answered(
    tree: Tree, path: list[int], rules: SearchConfig, *, sample: int
) -> Generator[TreeRequest, TreeReply, tuple[Outcome, str]]:
    """The outcome of one answer through the last node of the path, and that answer; the rest of it becomes a node of its own."""
    leaf = tree.nodes[path[-1]]
    begun = tree.prefix(path[-1])
    if over(leaf, rules):
        if leaf.verdict is None:
            leaf.verdict = _outcome((yield NodeJudge(begun, leaf.end == "closed")))
        return leaf.verdict, begun
    rest = _step((yield Complete(begun, (sample,), rules.steps - leaf.depth))[0])
    place = tree.add(path[-1], rest, completes=True)
    outcome = _outcome((yield NodeJudge(begun + rest.text, rest.end == "closed")))
    tree.nodes[place].verdict = outcome
    tree.back([place], outcome)
    return outcome, begun + rest.text


def _step(told: SearchStep | str) -> SearchStep:
    if not isinstance(told, SearchStep):
        raise TypeError(f"a search was told {told!r} where it asked for a step")
    return told


def _outcome(told: TreeReply) -> Outcome:
    if not isinstance(told, str):
        raise TypeError(f"a search was told {told!r} where it asked for a verdict")
    return told


def trimmed(text: str, *, delimiter: str, steps: int, mark: str = "") -> tuple[str, bool]:
    """The text down to its `steps`-th delimiter, or down to the one behind the step that holds `mark`; and whether anything was cut off.

    Without a delimiter nothing is cut.

    >>> trimmed("a;b;c", delimiter=";", steps=2), trimmed("a;b;c", delimiter=";", steps=3)
    (('a;b;', True), ('a;b;c', False))
    >>> trimmed("a;so 4;more", delimiter=";", steps=9, mark="so ")
    ('a;so 4;', True)
    """
    if not delimiter:
        return text, False
    pieces = text.split(delimiter)
    last = min([steps, *(place + 1 for place, piece in enumerate(pieces) if mark and mark in piece)])
    if last >= len(pieces):
        return text, False
    kept = delimiter.join(pieces[:last]) + delimiter
    return kept, len(kept) < len(text)
