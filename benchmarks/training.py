"""What our seams cost a GRPO step, and how a step compares with TRL's own.

    python -m benchmarks.training [--quick]

The bundled tiny model on sums of two digits, 8 problems x 8 rollouts of at most 8 tokens a step, evidence written into a real lake. The share
counts all that our code adds to a step: order, judging, keeping, loss, log. The peer is TRL's GRPOTrainer itself with the same arguments, model
and a reward function that asks the same judge; both are run in turns, each block anew, and the ratio's interval is over pairs of blocks. Peak
memory is that of two real steps of the default model in a process of its own (left out where the model is not installed).
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Curriculum, Label, Phase, Policy, Pool, Problem, Request, Rollout, SamplingConfig
from assay.engines.models import registry
from assay.pipelines.context.run import RunContext
from assay.pipelines.stages.train import LakeSink
from assay.stores.lake import Lake
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.settings import TrainingSettings
from benchmarks.claims import RESULTS, Claim, publish

GROUPS, SIZE, TOKENS = 8, 8, 8
MEMORY = """
import sys, resource
from benchmarks.training import steps_of
steps_of(sys.argv[1], "smollm2-135m-instruct", 2, max_tokens=64, groups=1, learning_rate=1e-6)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main() -> None:
    """Measures, prints and writes the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 steps and 3 pairs of blocks in place of 200 and 5")
    parser.add_argument(
        "--only",
        choices=("shares", "trl", "memory"),
        help="measure this alone; the other rows of the last results stay",
    )
    given = parser.parse_args()
    quick, only = given.quick, given.only
    steps, pairs, block = (40, 3, 10) if quick else (200, 5, 20)
    with tempfile.TemporaryDirectory() as folder:
        claims = shares(Path(folder), steps) if only in (None, "shares") else []
        claims += beside_trl(Path(folder), pairs, block) if only in (None, "trl") else []
        claims += memory(Path(folder)) if only in (None, "memory") else []
    publish("training", [*claims, *(kept(claims) if only else ())])


def kept(claims: list[Claim]) -> list[Claim]:
    """Rows of the last results that were not measured again; a row's name up to its interval says what it is."""
    new = {claim.claim.partition(" [")[0] for claim in claims}
    rows = json.loads((RESULTS / "training.json").read_text())
    return [Claim(**row) for row in rows if row["claim"].partition(" [")[0] not in new]


def shares(folder: Path, steps: int) -> list[Claim]:
    """The share of all steps' wall time inside our seams, line by line, and steps a second."""
    clock: dict[str, float] = defaultdict(float)
    seconds = steps_of(str(folder / "shares"), "tiny-arithmetic", steps, clock=clock)
    inside = sum(clock.values())
    rate = steps / seconds
    claims = [
        Claim(
            f"share of {steps} steps inside our seams",
            inside,
            seconds,
            inside / seconds,
            "<= 0.03",
            inside / seconds <= 0.03,
            "s",
            n=steps,
            full_n=200,
        ),
        Claim(f"steps a second of {GROUPS * SIZE} rollouts", rate, 1.0, rate, ">= 1", rate >= 1, "1/s"),
    ]
    lines = [
        Claim(f"of it: {name}", spent, seconds, spent / seconds, "-", True, "s")
        for name, spent in sorted(clock.items())
    ]
    return claims + lines + taught(folder, steps // 4)


def taught(folder: Path, steps: int) -> list[Claim]:
    """The same, line by line, with a teacher that answers at once and helps one rollout of eight, and with an online curriculum."""
    clock: dict[str, float] = defaultdict(float)
    guidance = TeacherSettings(schedule="constant", fraction=1 / SIZE, stop_step=None)
    ids = sorted(problems()[0])
    one = np.ones(len(ids)) / 2
    course = build_part("curriculum", "posterior").begin(
        Pool(tuple(ids), {"beta_a": one, "beta_b": one, "mean": one}), seed=0
    )
    more = {"teacher_settings": guidance, "teacher": Teacher(AtOnce()), "course": course}
    seconds = steps_of(str(folder / "taught"), "tiny-arithmetic", steps, clock=clock, **more)
    lines = [("all of it", sum(clock.values())), *sorted(clock.items())]
    return [
        Claim(f"with teacher and online curriculum: {name}", spent, seconds, spent / seconds, "-", True, "s", n=steps)
        for name, spent in lines
    ]


class AtOnce:
    """An engine that gives every answer the same feedback, in no time."""

    policy = Policy("at once", "0" * 16)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        text = "<opinion>incorrect</opinion><reason>again</reason><phrase>4</phrase>"
        yield from (
            (Rollout.of(each, 0, policy=self.policy, engine="at once", text=text, tokens=9, finish="stop"),)
            for each in requests
        )

    def count_tokens(self, request: Request) -> int:
        return 0

    def show(self, request: Request) -> str:
        return ""

    def close(self) -> None: ...


def beside_trl(folder: Path, pairs: int, block: int) -> list[Claim]:
    """Seconds a step beside TRL's, as we run by default and row by row as TRL does; ratios with 95% intervals over pairs of blocks."""
    ways: dict[str, Callable[[int], float]] = {
        "trl": lambda turn: trl_steps(folder / f"trl-{turn}", block),
        "default": lambda turn: steps_of(str(folder / f"ours-{turn}"), "tiny-arithmetic", block),
        "row by row": lambda turn: steps_of(str(folder / f"rows-{turn}"), "tiny-arithmetic", block, share_prompt=False),
    }
    found: dict[str, list[float]] = defaultdict(list)
    for turn in range(pairs):
        for name in sorted(ways, key=lambda each: (hash_of(each) + turn) % 3):
            found[name].append(ways[name](turn) / block)
    claims = []
    for name in ("default", "row by row"):
        logs = np.log(found[name]) - np.log(found["trl"])
        half = stats.t.ppf(0.975, pairs - 1) * logs.std(ddof=1) / math.sqrt(pairs)
        ratio, low, high = (float(np.exp(each)) for each in (logs.mean(), logs.mean() - half, logs.mean() + half))
        claim = f"seconds a step, {name}, beside TRL's own trainer [{low:.2f}, {high:.2f}]"
        ours, peer = statistics.median(found[name]), statistics.median(found["trl"])
        claims.append(Claim(claim, ours, peer, ratio, "-", True, "s", n=pairs * block, full_n=100))
    return claims


def hash_of(name: str) -> int:
    """A fixed place in the turn."""
    return ("trl", "default", "row by row").index(name)


def memory(folder: Path) -> list[Claim]:
    """Peak memory of two real steps of the default model."""
    try:
        registry.find_checkpoint("smollm2-135m-instruct")
    except ConfigError:
        return []
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(folder / "memory")], capture_output=True, text=True, check=True
    )
    peak = int(done.stdout.splitlines()[-1]) / 2**30
    return [Claim("peak memory of the default model's steps", peak, 6.0, peak / 6, "<= 6 GiB", peak <= 6, "GiB")]


def problems() -> tuple[dict[str, Problem], dict[str, Label]]:
    """512 sums of two digits."""
    rng = np.random.default_rng(0)
    made, golds = {}, {}
    for a, b in rng.integers(10, 100, (512, 2)).tolist():
        problem = Problem.of(f"{a}+{b}=")
        made[problem.id], golds[problem.id] = problem, Label.of(problem.id, str(a + b), verifier="numeric")
    return made, golds


def steps_of(
    folder: str,
    model: str,
    steps: int,
    *,
    clock: dict[str, float] | None = None,
    max_tokens: int = TOKENS,
    groups: int = GROUPS,
    **changes: Any,
) -> float:
    """Wall seconds of so many steps, after imports and loading; `clock` gets the seconds inside our seams by name."""
    from assay.training.grpo import train

    made, golds = problems()
    rate, teacher, course = (
        changes.pop("learning_rate", 2e-5),
        changes.pop("teacher", None),
        changes.pop("course", None),
    )
    settings = TrainingSettings(
        "dr_grpo",
        steps=steps,
        problems_per_step=groups,
        group_size=SIZE,
        learning_rate=rate,
        save_every=0,
        allow_truncated=True,
        **changes,
    )
    config = parse_config(
        {"source": [{"type": "files", "paths": "none"}], "lake": f"{folder}/lake", "policy": {"engine": "scripted"}}
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context, timed(clock):
        trained = train(
            Curriculum((Phase(tuple(made)),)),
            made,
            golds,
            checkpoint=registry.find_checkpoint(model),
            base=Policy(model, "0" * 16),
            sampler=SamplingConfig(max_tokens=max_tokens),
            judge=context.judge,
            sink=LakeSink(context, "benchmark"),
            settings=settings,
            output=Path(folder) / "out",
            reporter=NullReporter(),
            teacher=teacher,
            online=course,
        )
    return trained.seconds


class timed:  # noqa: N801  # a context manager that reads like a word
    """Inside, the methods of our seams add their time to the clock; what one spends in another counts as the other's."""

    def __init__(self, clock: dict[str, float] | None) -> None:
        self.clock, self.inner, self.before = clock, [], []  # type: ignore[var-annotated]

    def __enter__(self) -> None:
        if self.clock is None:
            return
        from assay.curricula.online.state import CurriculumState
        from assay.training.objectives.dr_grpo import DrGrpo
        from assay.training.teacher.hook import TeacherHook
        from assay.training.trainer.callbacks import StateSaver, StepLog
        from assay.training.trainer.rollout_recorder import RolloutRecorder
        from assay.training.trainer.sampler import GroupSampler

        seams = [
            ("order", GroupSampler, "slots"),
            ("judging and keeping", RolloutRecorder, "reward"),
            ("judging and keeping", RolloutRecorder, "record"),
        ]
        seams += [
            ("asking and joining", TeacherHook, "write_rollouts"),
            ("judging and keeping", RolloutRecorder, "judge_samples"),
            ("judging and keeping", RolloutRecorder, "replace_rollouts"),
        ]
        seams += [
            ("choosing", CurriculumState, "sample"),
            ("choosing", CurriculumState, "observe"),
            ("choosing", CurriculumState, "weights"),
        ]
        seams += [("loss", DrGrpo, "per_token"), ("loss", DrGrpo, "mean")]
        seams += [
            ("log and checks", StepLog, "on_log"),
            ("log and checks", StepLog, "on_step_end"),
            ("log and checks", StateSaver, "on_step_end"),
        ]
        for name, owner, method in seams:
            self.before.append((owner, method, getattr(owner, method)))
            setattr(owner, method, self._wrapped(name, getattr(owner, method)))

    def __exit__(self, *_: object) -> None:
        for owner, method, original in self.before:
            setattr(owner, method, original)

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **rest: Any) -> Any:
            assert self.clock is not None
            self.inner.append(0.0)
            began = time.perf_counter()
            try:
                return original(*args, **rest)
            finally:
                spent = time.perf_counter() - began
                self.clock[name] += spent - self.inner.pop()
                if self.inner:
                    self.inner[-1] += spent

        return call


def trl_steps(folder: Path, steps: int) -> float:
    """Wall seconds of so many steps of TRL's own trainer."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    from assay.training.trainer.libraries import silence_libraries

    made, golds = problems()
    rows = [
        {"prompt": [{"role": "user", "content": each.text}], "answer": golds[id_].answer} for id_, each in made.items()
    ]

    def reward(completions: Any, answer: Any, **_: Any) -> list[float]:
        return [
            float(completion[0]["content"].strip() == gold)
            for completion, gold in zip(completions, answer, strict=True)
        ]

    with silence_libraries():
        config = GRPOConfig(
            output_dir=str(folder),
            max_steps=steps,
            per_device_train_batch_size=SIZE,
            gradient_accumulation_steps=GROUPS,
            num_generations=SIZE,
            learning_rate=2e-5,
            lr_scheduler_type="constant",
            loss_type="dr_grpo",
            scale_rewards="none",
            max_completion_length=TOKENS,
            temperature=1.0,
            shuffle_dataset=False,
            bf16=False,
            gradient_checkpointing=False,
            model_init_kwargs={"dtype": "float32"},
            save_strategy="no",
            report_to="none",
            logging_steps=1,
            disable_tqdm=True,
        )
        checkpoint = str(registry.find_checkpoint("tiny-arithmetic"))
        trainer = GRPOTrainer(model=checkpoint, reward_funcs=reward, args=config, train_dataset=Dataset.from_list(rows))
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
