"""One run of `choosing_study`: an arm with a seed, from the pool to the held-out curve, all of its rollouts charged."""

import os
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.api import NullReporter
from assay.core.errors import Stopped
from assay.core.identity import content_id, derive_seed
from assay.core.parts import build_part
from assay.core.ports import OnlineCurriculum
from assay.core.types import Curriculum, GradingCase, Phase, Pool, Request, Rollout, SamplingConfig, Verdict
from assay.engines.models import registry
from assay.maths.beta.two_betas import fit_rate_prior
from assay.scorers.pass_rate.allocation import WaveCounts
from assay.scorers.pass_rate.enough import EnoughRule, run_enough
from assay.training.held_out.attempts import HeldOutSet, SampleCompletions
from assay.training.trainer.run_record import RunRecord
from assay.training.trainer.settings import TrainingSettings
from assay.verifiers.pool.grader import Grader
from benchmarks._choosing_pool import TaskPool, clean_pool, make_messy, make_pool

Ints = NDArray[np.int64]
MAX_STEPS = 1000
LATER = ("enough", "kept", "groups", "learning_rate")  # settings of arms that the first hashes do not know
SAMPLER = SamplingConfig(max_tokens=8)


@dataclass(frozen=True)
class Arm:
    """What one arm pays for before training, and what then decides the next problems."""

    curriculum: str = "shuffled"
    settings: Mapping[str, Any] = field(default_factory=dict)
    alive_only: bool = False  # an oracle knows which problems can be learnt
    scored: int = 0  # attempts per scored problem before training
    scored_problems: int = 0  # of the pool, at random; 0 = all
    enough: int = 0  # attempts before training until so many problems are mixed, by the package's own rule
    kept: int = (
        0  # of the scored problems the so many with the highest expected signal (`frontier`); 0 = all mixed ones
    )
    groups: int = 0  # per update; 0 = the setup's
    learning_rate: float = 0.0  # where the setup's is the usual one; 0 = the setup's

    @property
    def key(self) -> str:
        """Hash of all that the arm is, by which docs/log.md names it before it runs; what came later only where it is set."""
        fields = {name: value for name, value in asdict(self).items() if value or name not in LATER}
        return content_id("arm", fields)[:12]


@dataclass(frozen=True)
class Setup:
    """What all runs of a study share."""

    model: str
    revision: str
    alive_share: float
    budget: int = 40_000  # rollouts, those before training included
    enough: float = 0.12  # a run ends once the held-out probability has risen by so much
    groups: int = 16
    group_size: int = 8
    learning_rate: float = 5e-5
    warmup: int = 10
    eval_every: int = 5  # updates
    family: str = "sums"  # of what can be learnt: sums and differences, or products
    mess: str = ""  # raw = wrong labels, repeats and unreadable golds among what is trained on; clean = what filters leave of it

    @property
    def key(self) -> str:
        """Hash of all but the model's place; what came later enters only where it is not at its default."""
        fields = {**asdict(self), "model": ""}
        later = [name for name in ("family", "mess") if fields[name] == getattr(Setup, name)]
        return content_id("choosing", {name: value for name, value in fields.items() if name not in later})[:12]


@dataclass
class CurveSink:
    """A sink in memory (`core.ports.RolloutSink`): what was paid, what groups told, and the held-out curve."""

    setup: Setup
    rollouts: int = 0
    tokens: int = 0
    groups: int = 0
    mixed: int = 0
    alive: set[str] = field(default_factory=set)
    alive_rollouts: int = 0
    entropy: float = 0.0
    points: list[dict[str, float]] = field(default_factory=list)
    sampled: list[bool] | None = None  # outcomes of the check by samples; None = training

    @property
    def over(self) -> bool:
        """Whether the budget is spent, or the curve has risen far enough."""
        risen = self.points[-1]["held_out"] - self.points[0]["held_out"] if self.points else 0.0
        return self.rollouts >= self.setup.budget or risen >= self.setup.enough

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """Counts rollouts and mixed groups."""
        right = [verdict.outcome == "correct" for verdict in verdicts]
        if self.sampled is not None:
            self.sampled += right
            return
        self.rollouts += len(rollouts)
        self.tokens += sum(rollout.tokens for rollout in rollouts)
        self.alive_rollouts += sum(rollout.problem_id in self.alive for rollout in rollouts)
        groups: dict[str, list[bool]] = {}
        for rollout, won in zip(rollouts, right, strict=True):
            groups.setdefault(str(rollout.group), []).append(won)
        self.groups += len(groups)
        self.mixed += sum(any(won) and not all(won) for won in groups.values())

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        self.entropy = values.get("entropy", self.entropy)

    def flush(self) -> None: ...

    def stored(self, policies: Sequence[str]) -> set[str]:
        return set()

    def supersede(self, policies: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class TeacherForced(HeldOutSet):
    """Held-out problems measured by the probability of their gold answers at temperature 1: exact, so no sampling noise."""

    curve: CurveSink = field(kw_only=True)

    def evaluate(self, recorder: RunRecord, step: int, sample: SampleCompletions) -> dict[str, float]:
        """Adds a point to the curve every `eval_every` updates; at its end the same problems are sampled too, as a check."""
        curve = self.curve
        last = curve.rollouts >= curve.setup.budget
        if step % curve.setup.eval_every and not last:
            return {}
        callback: Any = sample.__self__  # type: ignore[attr-defined]
        model = callback.trainer.model
        p = gold_probabilities(model, {id_: callback._prompt(id_) for id_ in self.problems}, self.answers(callback))
        curve.points.append(
            {
                "step": step,
                "rollouts": curve.rollouts,
                "tokens": curve.tokens,
                "mixed": curve.mixed,
                "held_out": float(p.mean()),
                "pass_at_8": float((1 - (1 - p) ** 8).mean()),
                "entropy": curve.entropy,
                "cpu_seconds": cpu_seconds(),
            }
        )
        if curve.over:
            curve.sampled = []
            HeldOutSet(self.problems, self.labels, 4).evaluate(recorder, step, sample)
        return {}

    def answers(self, callback: Any) -> dict[str, list[int]]:
        """Token ids of each gold answer with the end behind it."""
        tokenizer = callback.trainer._tokenizer
        return {
            id_: [*tokenizer(label.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            for id_, label in self.labels.items()
        }


def gold_probabilities(
    model: Any, prompts: Mapping[str, list[int]], answers: Mapping[str, list[int]]
) -> NDArray[np.float64]:
    """(n,) probability of the whole gold answer of each prompt."""
    import torch

    rows = [(prompts[id_], answers[id_]) for id_ in prompts]
    width = max(len(head) + len(tail) for head, tail in rows)
    ids = torch.tensor([[*head, *tail, *[0] * (width - len(head) - len(tail))] for head, tail in rows])
    with torch.no_grad():
        logps = model(input_ids=ids).logits.float().log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    ends = [(len(head) - 1, len(head) + len(tail) - 1) for head, tail in rows]
    return np.array([logps[i, low:high].sum().exp().item() for i, (low, high) in enumerate(ends)])


def cpu_seconds() -> float:
    """User and system time of this process with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@cache
def pool_of(alive_share: float, family: str = "sums", mess: str = "") -> TaskPool:
    """The pool of this share, made once per process."""
    pool = make_pool(alive_share, family=family)
    if not mess:
        return pool
    messy = make_messy(pool)
    if mess == "raw":
        return messy
    with Grader(workers=1) as grader:
        return clean_pool(messy, grader)


def run(arm: Arm, seed: int, setup: Setup) -> dict[str, Any]:
    """One arm with one seed; what it paid before training stands in its first point."""
    import torch

    torch.set_num_threads(1)
    began, cpu = time.monotonic(), cpu_seconds()
    pool = pool_of(setup.alive_share, setup.family, setup.mess)
    # An arm's own rate was written beside the usual one, and keeps its ratio to it.
    rate = setup.learning_rate * (arm.learning_rate / Setup.learning_rate if arm.learning_rate else 1)
    setup = replace(setup, groups=arm.groups or setup.groups, learning_rate=rate)
    curve = CurveSink(setup, alive=set(pool.of_digits(2)))
    with Grader(workers=1) as grader, tempfile.TemporaryDirectory(prefix="choosing-") as folder:
        ids = pool.of_digits(2) if arm.alive_only else sorted(pool.problems)
        columns = known_before(arm, seed, setup, pool, grader, curve)
        curriculum, online = chosen(arm, seed, pool, sorted(columns["id"]) if columns else ids, columns)
        trained(setup, seed, pool, curriculum, online, grader, curve, Path(folder))
    sampled = curve.sampled or []
    return {
        "seed": seed,
        "points": curve.points,
        "groups": curve.groups,
        "mixed": curve.mixed,
        "alive_fraction": curve.alive_rollouts / max(1, curve.rollouts),
        "sampled": sum(sampled) / len(sampled) if sampled else None,
        "cpu_seconds": cpu_seconds() - cpu,
        "wall_seconds": time.monotonic() - began,
        "update_rollouts": setup.groups * setup.group_size,
        "load": os.getloadavg()[0],
    }


def known_before(
    arm: Arm,
    seed: int,
    setup: Setup,
    pool: TaskPool,
    grader: Grader,
    curve: CurveSink,
    sampler: SamplingConfig = SAMPLER,
) -> dict[str, Any]:
    """The problems that an arm keeps after the attempts that it pays for before training; {} where it pays for none."""
    if arm.enough:
        return enough_columns(arm, seed, setup, pool, grader, curve, sampler)
    return scored_columns(arm, seed, setup, pool, grader, curve, sampler) if arm.scored else {}


def enough_columns(
    arm: Arm,
    seed: int,
    setup: Setup,
    pool: TaskPool,
    grader: Grader,
    curve: CurveSink,
    sampler: SamplingConfig = SAMPLER,
) -> dict[str, Any]:
    """Attempts by the policy before training, charged, until `enough` problems have right and wrong answers; these are kept."""
    ids = sorted(pool.problems)
    order = np.random.default_rng(derive_seed("enough", seed)).permutation(len(ids))  # in which the rule reads the pool
    engine = build_part("engine", "transformers", {"model": setup.model, "batch_size": 128})
    right, tried = np.zeros((2, len(ids)), dtype=np.int64)

    def sample(rows: Ints, wanted: Ints) -> WaveCounts:
        requests = []
        for row, n in zip(rows.tolist(), wanted.tolist(), strict=True):
            problem, before = pool.problems[ids[order[row]]], int(tried[row])
            requests.append(Request(problem.id, sampler.render(problem), sampler, tuple(range(before, n)), seed))
        rollouts = [rollout for group in engine.generate(requests) for rollout in group]
        cases = [GradingCase(pool.problems[r.problem_id], pool.labels[r.problem_id], r) for r in rollouts]
        verdicts = list(grader.judge(cases))
        curve.write(rollouts, verdicts)
        row_of = {ids[order[row]]: row for row in rows.tolist()}
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            right[row_of[rollout.problem_id]] += verdict.outcome == "correct"
        tried[rows] = wanted
        return rows, right[rows].copy(), (tried - right)[rows], tried[rows].copy(), tried[rows].copy()

    rule = EnoughRule(arm.enough)
    run_enough(len(ids), rule, sample, lambda evidence, rows: fit_rate_prior(evidence.correct, evidence.wrong))
    curve.groups = curve.mixed = 0  # these are no groups of training
    return {"id": sorted(ids[order[row]] for row in np.flatnonzero((right > 0) & (right < tried)).tolist())}


def attempts_of(
    setup: Setup,
    pool: TaskPool,
    grader: Grader,
    n: int,
    problems: int,
    seed: int,
    sampler: SamplingConfig = SAMPLER,
) -> tuple[list[str], list[Rollout], list[Verdict]]:
    """n attempts by the policy before training at so many problems of the pool, at random; 0 = at all of them."""
    rng = np.random.default_rng(derive_seed("scored", seed))
    ids = sorted(pool.problems)
    if problems:
        ids = sorted(ids[i] for i in rng.permutation(len(ids))[:problems])
    engine = build_part("engine", "transformers", {"model": setup.model, "batch_size": 128})
    requests = [Request(id_, sampler.render(pool.problems[id_]), sampler, tuple(range(n)), seed) for id_ in ids]
    rollouts = [rollout for rows in engine.generate(requests) for rollout in rows]
    verdicts = grader.judge([GradingCase(pool.problems[r.problem_id], pool.labels[r.problem_id], r) for r in rollouts])
    return ids, rollouts, list(verdicts)


def scored_columns(
    arm: Arm,
    seed: int,
    setup: Setup,
    pool: TaskPool,
    grader: Grader,
    curve: CurveSink,
    sampler: SamplingConfig = SAMPLER,
) -> dict[str, Any]:
    """Attempts by the policy before training, charged; the problems in which right and wrong answers stand beside each other are kept."""
    ids, rollouts, verdicts = attempts_of(setup, pool, grader, arm.scored, arm.scored_problems, seed, sampler)
    curve.write(rollouts, verdicts)
    curve.groups = curve.mixed = 0  # these are no groups of training
    right = dict.fromkeys(ids, 0)
    for rollout, verdict in zip(rollouts, verdicts, strict=True):
        right[rollout.problem_id] += verdict.outcome == "correct"
    if not arm.kept:
        return {"id": [id_ for id_ in ids if 0 < right[id_] < arm.scored]}
    counts = np.array([right[id_] for id_ in ids])
    belief = fit_rate_prior(counts, arm.scored - counts).posterior(counts, arm.scored - counts)
    signal = belief.signal(setup.group_size)
    return {"id": sorted(ids[row] for row in np.argsort(-signal, kind="stable")[: arm.kept].tolist())}


def chosen(
    arm: Arm, seed: int, pool: TaskPool, ids: Sequence[str], columns: Mapping[str, Any]
) -> tuple[Curriculum, OnlineCurriculum | None]:
    """What training will walk: an order, or the state of an online curriculum over the pool with what is known without attempts."""
    renamed = {"passes": "epochs", "fresh": "new_group"}  # arms were hashed before settings had their present names
    settings = {renamed.get(name, name): value for name, value in arm.settings.items()}
    part = build_part("curriculum", arm.curriculum, settings)
    level = np.array([f"{pool.digits[id_]} digits" for id_ in ids])
    shuffled = np.random.default_rng(derive_seed("shuffled levels", seed)).permutation(level)
    source = np.array([pool.tasks[id_] for id_ in ids])
    known = {"level": level, "shuffled_level": shuffled, "source": source}
    vectors = text_vectors([pool.problems[id_].text for id_ in ids]) if "vectors" in part.needs else None
    visible = Pool(tuple(ids), {name: known[name] for name in part.needs if name in known}, vectors)
    if hasattr(part, "begin"):
        return Curriculum((Phase(visible.ids),)), part.begin(visible, seed=seed)
    return part.arrange(visible, np.random.default_rng(derive_seed("order", seed))), None


def text_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows by the package's own encoder of words and characters, which needs no model."""
    from assay.embedding.tfidf import Tfidf

    return np.asarray(Tfidf(tuple(sorted(set(texts)))).encode(texts), dtype=np.float32)


def trained(
    setup: Setup,
    seed: int,
    pool: TaskPool,
    curriculum: Curriculum,
    online: OnlineCurriculum | None,
    grader: Grader,
    curve: CurveSink,
    output: Path,
    sampler: SamplingConfig = SAMPLER,
    held_out: HeldOutSet | None = None,
) -> None:
    """GRPO until the budget is spent or the curve has risen far enough."""
    from assay.training.grpo import train

    settings = TrainingSettings(
        objective="dr_grpo",
        steps=MAX_STEPS,
        problems_per_step=setup.groups,
        group_size=setup.group_size,
        micro_batch_size=setup.groups * setup.group_size,
        learning_rate=setup.learning_rate,
        warmup_steps=setup.warmup,
        seed=seed,
        save_every=0,
        eval_every=1,
    )
    try:
        train(
            curriculum,
            pool.problems,
            pool.labels,
            checkpoint=registry.find_checkpoint(setup.model),
            base=registry.identify_policy(setup.model),
            sampler=sampler,
            judge=grader,
            sink=curve,
            settings=settings,
            output=output,
            reporter=NullReporter(),
            held_out=held_out or TeacherForced(pool.held_out, pool.golds, curve=curve),
            online=online,
            stop=lambda: curve.over,
        )
    except Stopped:
        return
    raise RuntimeError(f"{MAX_STEPS} steps did not spend {setup.budget} rollouts")
