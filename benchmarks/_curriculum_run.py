"""One run of `curriculum_study`: an arm with a seed, from the cleaned pool to held-out accuracy at every mark of its cost."""

import contextlib
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.api import NullReporter
from assay.core.config import Config
from assay.core.errors import Stopped
from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum, OnlineCurriculum
from assay.core.types import Curriculum, GradingCase, Phase, Pool, Problem, Request, Rollout, Verdict
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.pool import scored_pool
from assay.pipelines.data.problems import read_side, side_ids
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.select import select_from
from assay.stores.lake import Lake
from assay.training.held_out.attempts import HeldOutSet, SampleCompletions
from assay.training.trainer.rollout_recorder import RolloutRecorder
from assay.training.trainer.settings import TrainingSettings
from benchmarks._curriculum_pool import examined

PASSES = 50  # of an order: more than any run walks
MOST_STEPS = 5000
EVERYTHING = 10**9


@dataclass(frozen=True)
class Arm:
    """What one arm pays for before training, and what then decides the next problems."""

    scored: bool = False  # every problem of the pool is attempted 4 times first
    embedded: bool = False
    selector: str = "uniform"
    budget: int = EVERYTHING  # problems that the selector may keep
    curriculum: str = "shuffled"
    by_length: bool = False  # the order reads the problem's length in place of its measured pass rate


@dataclass(frozen=True)
class Mark:
    """A cost at which held-out accuracy is measured, at the end of the first step that has reached it."""

    unit: str  # seconds or rollouts
    amount: float
    samples: int  # attempts a held-out problem

    @property
    def name(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True)
class Setup:
    """What all runs of a study share."""

    clock: str  # cpu = process CPU seconds, wall = seconds
    marks: tuple[Mark, ...]
    learning_rate: float
    objective: str
    groups: int  # problems a step
    group_size: int
    micro_batch: int
    held_out: int  # problems that are attempted
    warmup: int  # steps

    @property
    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "marks": [asdict(mark) for mark in self.marks]}


def cpu_seconds() -> float:
    """User and system time of this process with all its threads, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


CLOCKS: dict[str, Callable[[], float]] = {"cpu": cpu_seconds, "wall": time.perf_counter}


@dataclass
class Book:
    """A sink in memory (`core.ports.RolloutSink`): what the run has cost, what its groups told, and the accuracy at each mark."""

    setup: Setup
    sources: Mapping[str, str]  # of the held-out problems
    spent: float = 0.0  # accounted seconds up to `since`
    since: float | None = None  # clock at which accounting went on; None = it stands still
    rollouts: int = 0
    tokens: int = 0
    groups: int = 0  # that training made
    mixed: dict[int, int] = field(default_factory=dict)  # groups with right and wrong answers, by step
    points: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[tuple[str, bool]] | None = None  # of the evaluation under way: problem, right

    def go(self) -> None:
        """The clock runs."""
        self.since = CLOCKS[self.setup.clock]()

    def stop(self) -> None:
        """The clock stands."""
        self.spent, self.since = self.seconds, None

    @property
    def seconds(self) -> float:
        """Accounted so far."""
        return self.spent + (CLOCKS[self.setup.clock]() - self.since if self.since is not None else 0.0)

    @property
    def due(self) -> list[Mark]:
        """Marks that are reached and not measured."""
        reached = {"seconds": self.seconds, "rollouts": self.rollouts}
        told = {name for point in self.points for name in point["marks"]}
        return [mark for mark in self.setup.marks if reached[mark.unit] >= mark.amount and mark.name not in told]

    @property
    def over(self) -> bool:
        """Whether every mark is measured or due."""
        return len(self.due) + sum(len(point["marks"]) for point in self.points) >= len(self.setup.marks)

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """Counts a batch of training's groups, or keeps an evaluation's outcomes."""
        right = [verdict.outcome == "correct" for verdict in verdicts]
        if self.outcomes is not None:
            self.outcomes += [(rollout.problem_id, won) for rollout, won in zip(rollouts, right, strict=True)]
            return
        self.rollouts += len(rollouts)
        self.tokens += sum(rollout.tokens for rollout in rollouts)
        groups: dict[str, list[bool]] = {}
        for rollout, won in zip(rollouts, right, strict=True):
            groups.setdefault(str(rollout.group), []).append(won)
        step = int(rollouts[0].step or 0)
        self.groups += len(groups)
        self.mixed[step] = self.mixed.get(step, 0) + sum(any(won) and not all(won) for won in groups.values())

    def measured(self, step: int, marks: Sequence[Mark]) -> None:
        """The evaluation under way becomes a point."""
        rows = self.outcomes or []
        self.outcomes = None
        by: dict[str, list[bool]] = {}
        for id_, won in rows:
            by.setdefault(self.sources[id_], []).append(won)
        self.points.append(
            {
                "marks": [mark.name for mark in marks],
                "step": step,
                "seconds": self.seconds,
                "rollouts": self.rollouts,
                "tokens": self.tokens,
                "attempts": len(rows),
                "accuracy": sum(won for _, won in rows) / len(rows),
                "by_source": {name: sum(won) / len(won) for name, won in sorted(by.items())},
            }
        )

    def log(self, policy: str, step: int, values: Any) -> None: ...

    def flush(self) -> None: ...

    def stored(self, policies: Sequence[str]) -> set[str]:
        return set()

    def supersede(self, policies: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class Marked(HeldOutSet):
    """Held-out problems that are attempted when a mark is due, outside the accounted time; before the first step the clock does not run yet."""

    book: Book = field(kw_only=True)

    def evaluate(self, recorder: RolloutRecorder, step: int, sample: SampleCompletions) -> dict[str, float]:
        """The point is in the book where a mark is due; {} where none is."""
        due = self.book.due
        if self.book.since is not None and not due:
            return {}
        if self.book.since is not None:
            self.book.stop()
        self.book.outcomes = []
        samples = max((mark.samples for mark in due), default=1)  # one at the start, where all runs are alike
        values = HeldOutSet(self.problems, self.labels, samples).evaluate(recorder, step, sample)
        self.book.measured(step, due)
        self.book.go()
        return values


def run(arm: Arm, seed: int, config: Config, setup: Setup) -> dict[str, Any]:
    """One arm with one seed on a copy of the study's lake; scoring, selection, order and training's chance are all of this seed."""
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401
    import trl  # noqa: F401  both before anything is accounted

    if setup.clock == "cpu":
        torch.set_num_threads(1)
    began = time.monotonic()
    cost = scored(config, seed, setup) if arm.scored else Cost()
    with tempfile.TemporaryDirectory(prefix="assay-study-") as folder:
        shutil.copytree(cost.lake or config.lake, Path(folder) / "lake")
        own = config.model_copy(update={"seed": seed, "lake": str(Path(folder) / "lake")})
        with Lake(own.lake) as lake, RunContext(own, lake, NullReporter(), command="curriculum study") as context:
            inputs = run_stages(context, "split")
            problems, labels = examined(read_side(context, inputs, "held_out"), setup.held_out)
            book = Book(
                setup,
                {id_: problem.source for id_, problem in problems.items()},
                cost.seconds,
                None,
                cost.rollouts,
                cost.tokens,
            )
            curriculum, course, told = chosen(context, arm, seed, book)
            trained(context, curriculum, course, seed, Marked(problems, labels, book=book), Path(folder) / "out")
    steps = max(book.mixed) + 1
    return {
        "seed": seed,
        **told,
        "steps": steps,
        "groups": book.groups,
        "groups_mixed": sum(book.mixed.values()),
        "kept_a_step": sum(min(count, setup.groups) for count in book.mixed.values()) / steps,
        "points": book.points,
        "wall_seconds": time.monotonic() - began,
        "load": os.getloadavg()[0],
    }


@dataclass(frozen=True)
class Cost:
    """What was paid before training, and the lake that holds it."""

    seconds: float = 0.0
    rollouts: int = 0
    tokens: int = 0
    lake: str = ""


def scored(config: Config, seed: int, setup: Setup) -> Cost:
    """The scoring of a seed: made once, and charged in full to every arm that uses it."""
    place = Path(config.lake).parent / "scored" / str(seed)
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="assay-study-", dir=place.parent) as folder:
            made = Path(folder) / "made"
            shutil.copytree(config.lake, made / "lake")
            own = config.model_copy(update={"seed": seed, "lake": str(made / "lake")})
            with Lake(own.lake) as lake, RunContext(own, lake, NullReporter(), command="curriculum study") as context:
                warm(context, run_stages(context, "split"))
                began = CLOCKS[setup.clock]()
                run_stages(context, "score")
                told = (CLOCKS[setup.clock]() - began, context.meter.samples, context.meter.tokens)
            (made / "cost.json").write_text(json.dumps(told))
            with contextlib.suppress(OSError):  # another process was first
                made.rename(place)
    return Cost(*json.loads((place / "cost.json").read_text()), lake=str(place / "lake"))


def warm(context: RunContext, inputs: StageResults) -> None:
    """The engine and the verifier are loaded, which is not accounted; nothing of it is stored."""
    problems, labels = read_side(context, inputs, "train")
    sampler, problem = context.config.policy.sampler, Problem.of("1+1=")
    request = Request(problem.id, sampler.render(problem), sampler, (0,), context.config.seed)
    made = [rollout for rollouts in context.engine.generate([request]) for rollout in rollouts]
    label = labels[min(problems)]
    context.judge.judge(
        [GradingCase(problems[label.problem_id], label, replace(each, problem_id=label.problem_id)) for each in made]
    )


def chosen(
    context: RunContext, arm: Arm, seed: int, book: Book
) -> tuple[Curriculum, OnlineCurriculum | None, dict[str, Any]]:
    """What training will walk; embedding, selecting and arranging are accounted on top of the scoring."""
    book.go()
    inputs = run_stages(context, "split" if not arm.scored else "embed" if arm.embedded else "score")
    selector = build_part("selector", arm.selector)
    pool, _ = scored_pool(context, inputs, selector.needs, side_ids(context, inputs, "train"))
    kept = select_from(pool, selector, arm.selector, budget=arm.budget, seed=seed).ids
    part = build_part(
        "curriculum", arm.curriculum, {"epochs": PASSES} if arm.curriculum in ("shuffled", "easy_to_hard") else {}
    )
    pool, _ = scored_pool(context, inputs, ("length",) if arm.by_length else part.needs, sorted(kept))
    if arm.by_length:
        pool = Pool(pool.ids, {"mean": 1.0 / pool.column("length")})
    course = part.begin(pool, seed=seed) if isinstance(part, AdaptiveCurriculum) else None
    curriculum = Curriculum((Phase(pool.ids),)) if course else part.arrange(pool, np.random.default_rng((7, seed)))
    book.stop()
    scoring = {"seconds": book.spent, "rollouts": book.rollouts, "tokens": book.tokens}
    return curriculum, course, {"problems": len(kept), "before_training": scoring}


def trained(
    context: RunContext,
    curriculum: Curriculum,
    course: OnlineCurriculum | None,
    seed: int,
    held_out: Marked,
    output: Path,
) -> None:
    """GRPO until every mark is measured. Loading and building the trainer is the same in every arm and not accounted."""
    from assay.engines.models import registry
    from assay.training.grpo import train

    setup, book, policy = held_out.book.setup, held_out.book, context.config.policy
    settings = TrainingSettings(
        objective=setup.objective,
        steps=MOST_STEPS,
        problems_per_step=setup.groups,
        group_size=setup.group_size,
        micro_batch_size=setup.micro_batch,
        learning_rate=setup.learning_rate,
        warmup_steps=setup.warmup,
        seed=seed,
        save_every=0,
        eval_every=1,
    )
    problems, labels = read_side(context, run_stages(context, "split", only=True), "train")
    try:
        train(
            curriculum,
            problems,
            labels,
            checkpoint=registry.find_checkpoint(policy.model, policy.revision),
            base=context.engine.policy,
            sampler=policy.sampler,
            judge=context.judge,
            sink=book,
            settings=settings,
            output=output,
            reporter=NullReporter(),
            held_out=held_out,
            online=course,
            stop=lambda: book.over,
        )
    except Stopped:
        return
    raise RuntimeError(f"{MOST_STEPS} steps did not reach every mark: {book.seconds:.0f} s, {book.rollouts} rollouts")
