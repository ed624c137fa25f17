"""One run of `dart_study`: answers collected by a rule of `dart`, SFT on them, GRPO from there, held-out problems measured between."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.api import NullReporter
from assay.core.export_rows import ChatTurn
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.synthesis import AttemptedProblem, GradedAttempt, Target, TrialSummary
from assay.core.training_rows import TargetRow
from assay.core.types import Counts, Curriculum, GradingCase, Label, Phase, Problem, Request, SamplingConfig
from assay.engines.models import registry
from assay.maths.allocation.response_targets import response_targets
from assay.synthesis.dart import Dart
from assay.training.grpo import train
from assay.training.offline.settings import OfflineSettings
from assay.training.sft import train_sft
from assay.training.trainer.settings import TrainingSettings
from assay.verifiers.pool.grader import Grader
from benchmarks._choosing_run import gold_probabilities

MODEL = "tiny-arithmetic"
SAMPLER = SamplingConfig(max_tokens=8)
SCORED, TRIALS = 8, 32  # attempts that every rule begins from; attempts of vanilla
CAP = 128  # attempts at a problem at most, at equal size; at equal attempts half, since a problem that is never solved pays the cap
EACH, MEASURED = 45, 45  # problems of a family to train on; further ones of two or three digits that are only measured
SFT = OfflineSettings(steps=50, rows_per_step=128, learning_rate=1e-4, save_every=0)
GRPO = TrainingSettings(
    objective="dr_grpo",
    steps=25,
    problems_per_step=16,
    group_size=8,
    micro_batch_size=128,
    learning_rate=5e-5,
    warmup_steps=10,
    save_every=0,
)
Tables = tuple[dict[str, Problem], dict[str, Label], dict[str, str]]  # problems, labels and families by problem id


@dataclass
class NoSink:
    """A sink (`core.ports.RolloutSink`) that counts rewards and keeps nothing."""

    right: list[bool] = field(default_factory=list)

    def write(self, rollouts: Sequence[Any], verdicts: Sequence[Any]) -> None:
        self.right += [verdict.outcome == "correct" for verdict in verdicts]

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None: ...

    def flush(self) -> None: ...

    def stored(self, policies: Sequence[str]) -> set[str]:
        return set()

    def supersede(self, policies: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class Stream:
    """Evidence of `CAP` attempts at every problem, of which a rule pays for those up to where it stops."""

    labels: Mapping[str, Label]
    texts: Mapping[str, Sequence[str]]
    right: Mapping[str, NDArray[np.bool_]]  # (CAP,) by problem id
    paid: dict[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Counts]:
        """What scoring counted: the first attempts."""
        found = {id_: int(right[:SCORED].sum()) for id_, right in self.right.items()}
        return {id_: Counts(correct=n, wrong=SCORED - n) for id_, n in found.items()}

    def draw_until(self, wanted: Mapping[str, int], *, max_trials: int, **_: Any) -> TrialSummary:
        """Pay for the attempts up to the one that meets the target, or to the cap."""
        self.paid.update(
            {id_: trials_needed(self.right[id_], count, min(CAP, max_trials)) for id_, count in wanted.items()}
        )
        return TrialSummary(sum(self.paid.values()) - SCORED * len(self.paid), 1.0)

    def attempted(self, **_: Any) -> Iterator[AttemptedProblem]:
        """The attempts that were paid for."""
        for id_, n in sorted(self.paid.items()):
            rows = [
                GradedAttempt(f"{id_}.{i}", i, "correct" if right else "wrong", "", 1, "", f"{id_}.{i}")
                for i, right in enumerate(self.right[id_][:n].tolist())
            ]
            yield AttemptedProblem(id_, self.labels[id_], rows)


def trials_needed(right: NDArray[np.bool_], wanted: int, cap: int) -> int:
    """Attempts until so many are right, at least those of scoring and at most the cap.

    >>> trials_needed(np.array([False, True] * 64), 8, 128)
    16
    """
    met = np.flatnonzero(right[:cap].cumsum() >= wanted)
    return max(SCORED, int(met[0]) + 1) if met.size else cap


@cache
def pool() -> tuple[Tables, Tables]:
    """What is trained on and what is measured: sums, differences and products that the model has not seen where they have two digits or more."""
    script = Path(__file__).parent.parent / "examples" / "tiny_model" / "problems.py"
    command = [sys.executable, str(script), "--each", str(EACH + MEASURED), "--seed", "23"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    families: dict[str, list[tuple[Problem, str]]] = {}
    for row in map(json.loads, made.stdout.splitlines()):
        families.setdefault(f"{row['digits']}-digit {row['task']}", []).append(
            (Problem.of(row["prompt"]), row["answer"])
        )
    seen = {name: rows for name, rows in families.items() if name[0] == "1"}
    unseen = {name: rows for name, rows in families.items() if name[0] != "1"}
    held = {name: min(MEASURED, len(rows) // 2) for name, rows in unseen.items()}
    learnt = {name: rows[held[name] :][:EACH] for name, rows in unseen.items()}
    learnt |= {name: rows[:EACH] for name, rows in seen.items()}
    return _tables(learnt), _tables({name: rows[: held[name]] for name, rows in unseen.items()})


def _tables(families: Mapping[str, Sequence[tuple[Problem, str]]]) -> Tables:
    rows = [(problem, answer, name) for name, pairs in families.items() for problem, answer in pairs]
    return (
        {problem.id: problem for problem, _, _ in rows},
        {problem.id: Label.of(problem.id, answer, verifier="numeric") for problem, answer, _ in rows},
        {problem.id: name for problem, _, name in rows},
    )


def stream(seed: int, folder: Path) -> Stream:
    """`CAP` attempts of the model at every problem, judged; made once per seed and kept in a file."""
    (problems, labels, _), _ = pool()
    file = folder / f"stream-{seed}.json"
    if not file.is_file():
        engine = build_part("engine", "transformers", {"model": MODEL, "batch_size": 256})
        requests = [
            Request(id_, SAMPLER.render(problem), SAMPLER, tuple(range(CAP)), derive_seed("dart", seed))
            for id_, problem in problems.items()
        ]
        rollouts = [rollout for rows in engine.generate(requests) for rollout in rows]
        with Grader(workers=1) as grader:
            verdicts = grader.judge([GradingCase(problems[r.problem_id], labels[r.problem_id], r) for r in rollouts])
        kept: dict[str, list[tuple[int, str, bool]]] = {id_: [] for id_ in problems}
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            kept[rollout.problem_id].append((rollout.sample, rollout.text, verdict.outcome == "correct"))
        part = file.with_suffix(".part")
        part.write_text(json.dumps({id_: sorted(rows) for id_, rows in kept.items()}))
        part.rename(file)
    found = json.loads(file.read_text())
    texts = {id_: [text for _, text, _ in rows] for id_, rows in found.items()}
    return Stream(labels, texts, {id_: np.array([right for _, _, right in rows]) for id_, rows in found.items()})


def rule(arm: str, evidence: Stream) -> Dart:
    """`dart` as the arm has it: its number of answers is the one that comes nearest to vanilla's size, or to its attempts."""
    vanilla = Dart(rule="vanilla", attempts=TRIALS, distinct=False, level_field="")
    if arm.startswith("vanilla"):
        return vanilla
    kind, _, equal = arm.partition(", ")
    base = _size(vanilla, evidence)
    which, cap = (0, CAP) if equal == "equal size" else (1, CAP // 2)
    best = min(range(1, CAP + 1), key=lambda k: abs(_size(_dart(kind, k, cap), evidence)[which] - base[which]))
    return _dart(kind, best, cap)


def _dart(kind: str, answers: int, cap: int) -> Dart:
    settings: dict[str, Any] = {"answers_per_problem" if kind == "uniform" else "max_answers": answers}
    return Dart(rule=kind, max_attempts=cap, distinct=False, level_field="", **settings)  # type: ignore[arg-type]


def _size(part: Dart, evidence: Stream) -> tuple[int, int]:
    """Answers and attempts that a rule comes to."""
    rates = evidence.counts()
    if part.rule == "vanilla":
        return sum(int(right[:TRIALS].sum()) for right in evidence.right.values()), TRIALS * len(rates)
    fail = np.array([counts.wrong / SCORED for counts in rates.values()])
    most = part.answers_per_problem if part.rule == "uniform" else part.max_answers
    wanted = response_targets(fail, rule=part.rule, most=most)
    paid = [trials_needed(evidence.right[id_], int(n), part.cap) for id_, n in zip(rates, wanted, strict=True)]
    rights = [int(evidence.right[id_][:n].sum()) for id_, n in zip(rates, paid, strict=True)]
    return int(np.minimum(rights, wanted).sum()), sum(paid)


def run(arm: str, seed: int, folder: Path) -> dict[str, Any]:
    """One arm with one seed: sizes, rows by family, and held-out probabilities at the start, after SFT and after GRPO."""
    import torch

    torch.set_num_threads(1)
    start, evidence = registry.find_checkpoint(MODEL), stream(seed, folder)
    found: dict[str, Any] = {"arm": arm, "seed": seed, "start": measured(start)}
    if arm != "no SFT":
        part = rule(arm, evidence)
        targets = [row for row in part.synthesize(evidence) if isinstance(row, Target)]  # type: ignore[arg-type]
        found |= {"answers": len(targets), "attempts": sum(evidence.paid.values()), "k": _asked(part)}
        if arm.endswith("size"):
            arms = (f"{kind}, equal size" for kind in ("vanilla", "prop2diff", "uniform"))
            most = min(_size(rule(each, evidence), evidence)[0] for each in arms)
            order = np.random.default_rng(derive_seed("size", seed)).permutation(len(targets))[:most]
            targets = [targets[place] for place in sorted(order)]
        rows = [_row(target, evidence) for target in targets]
        found |= {"rows": len(rows), "families": _by_family([row.problem_id for row in rows])}
        start = _imitated(rows, seed, folder / f"{arm}-{seed}")
    found["sft"] = measured(start)
    found["rewards"], last = _reinforced(start, seed, folder / f"{arm}-{seed}-grpo")
    return found | {"grpo": measured(last)}


def _asked(part: Dart) -> int:
    return {"vanilla": part.attempts, "uniform": part.answers_per_problem, "prop2diff": part.max_answers}[part.rule]


def _row(target: Target, evidence: Stream) -> TargetRow:
    id_, _, sample = str(target.rollout_id).rpartition(".")
    prompt = (ChatTurn(role="user", content=pool()[0][0][id_].text),)
    return TargetRow(str(target.rollout_id), id_, prompt, evidence.texts[id_][int(sample)])


def _by_family(ids: Sequence[str]) -> dict[str, int]:
    families = pool()[0][2]
    return {name: sum(families[id_] == name for id_ in ids) for name in sorted(set(families.values()))}


def _imitated(rows: Sequence[TargetRow], seed: int, output: Path) -> Path:
    with Grader(workers=1) as grader:
        result = train_sft(
            rows,
            checkpoint=registry.find_checkpoint(MODEL),
            base=registry.identify_policy(MODEL),
            sampler=SAMPLER,
            judge=grader,
            sink=NoSink(),
            settings=replace(SFT, seed=seed),
            output=output,
            reporter=NullReporter(),
        )
    return Path(result.checkpoint)


def _reinforced(start: Path, seed: int, output: Path) -> tuple[list[float], Path]:
    """GRPO on the pool; its mean reward per step and its checkpoint."""
    (problems, labels, _), _ = pool()
    order = np.random.default_rng(derive_seed("grpo", seed)).permutation(sorted(problems)).tolist()
    with Grader(workers=1) as grader:
        result = train(
            Curriculum((Phase(tuple(order)),)),
            problems,
            labels,
            checkpoint=start,
            base=registry.identify_policy(str(start)),
            sampler=SAMPLER,
            judge=grader,
            sink=NoSink(),
            settings=replace(GRPO, seed=seed),
            output=output,
            reporter=NullReporter(),
        )
    return list(result.rewards), Path(result.checkpoint)


def measured(checkpoint: Path) -> dict[str, float]:
    """Mean probability of the gold answer at temperature 1 by family of held-out problems, by teacher forcing, and over all."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, (problems, labels, families) = pool()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="float32").eval()
    prompts = {
        id_: tokenizer.apply_chat_template(
            [{"role": "user", "content": problem.text}], add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        for id_, problem in problems.items()
    }
    golds = {
        id_: [*tokenizer(label.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        for id_, label in labels.items()
    }
    p = gold_probabilities(model, prompts, golds)
    names = np.array([families[id_] for id_ in problems])
    by_family = {name: float(p[names == name].mean()) for name in sorted(set(names.tolist()))}
    digits = {f"{n} digits": float(p[np.char.startswith(names, n)].mean()) for n in ("2", "3")}
    return {"all": float(p.mean()), **digits, **by_family}
