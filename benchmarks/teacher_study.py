"""Can appended feedback give a policy a behaviour whose prior is nearly zero, where plain GRPO cannot? The mechanism of ThinkTuning, on a CPU.

    python -m benchmarks.teacher_study [--quick] [--seeds 5] [--processes 2]

Setting. A Llama of 0.4 million weights works `3+4*2-5=` out from left to right, modulo 10, as `7 4 9#9`. It is pre-trained here until about
40% of its sampled answers are right, and never saw the mark `?`. A scripted teacher of no better sight works the same chain out again, right 60%
of the time, and writes `?7 4 9` and `#9` behind the student's answer; the last `#` counts. The behaviour is to write `?` and work it out once more.

Arms, all with the same updates and the same number of sampled rollouts but `grpo +1`: plain GRPO; with one more rollout a group in the place of the
teacher; guided sequences under the ordinary ratio, under constant shaping p / (p + 0.1), under advantage-aware shaping, and under it as it was
released (gamma = -0.001 for all); supervised on the same guided sequences; with feedback that belongs to another problem (placebo); guided in the
first 8 steps only; guided in all. The others are guided up to `GUIDED`, and go on for `AFTER` steps without.

Written down before: advantage-aware and constant shaping differ if the means of final accuracy are further apart than the larger of their standard
deviations over seeds; else the study says "no difference seen". Nothing here says anything about MATH or GPQA.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from assay.api import Silence
from assay.core.identity import stream_seed
from assay.core.types import Case, Curriculum, Label, Lesson, Policy, Problem, Request, Rollout, Sampler, Verdict
from assay.training.guidance import Guidance
from assay.training.settings import Settings
from assay.training.teacher import Teacher
from benchmarks.claims import RESULTS, hardware

GROUPS, SIZE, TOKENS = 16, 8, 24  # problems a step, rollouts a problem, longest answer
GUIDED, AFTER, WINDOW = 30, 50, 5  # steps with guidance, steps after it, steps that a rate is measured over
RIGHT = 0.6  # of the teacher's chains
WANTED = 0.4  # of the student's answers, where pre-training stops
RATE = 1e-4
OPS = {"+": lambda a, b: (a + b) % 10, "-": lambda a, b: (a - b) % 10, "*": lambda a, b: (a * b) % 10}
GUIDE = Guidance(schedule="constant", share=0.2, off_after=GUIDED, need="any")
ARMS: dict[str, dict[str, Any]] = {
    "grpo": {"objective": "dapo"},
    "grpo +1 rollout": {"objective": "dapo", "group_size": SIZE + 1},
    "guided, ordinary ratio": {"objective": "dapo", "guidance": GUIDE},
    "guided, constant shaping": {"objective": "aas", "settings": {"gamma_low": 0.1, "gamma_high": 0.1}, "guidance": GUIDE},
    "guided, aas": {"objective": "aas", "guidance": GUIDE},
    "guided, aas as released": {"objective": "aas", "settings": {"gamma_low": -0.001, "gamma_high": -0.001}, "guidance": GUIDE},
    "guided, sft": {"objective": "sft", "guidance": GUIDE},
    "guided, shuffled": {"objective": "aas", "guidance": GUIDE, "shuffled": True},
    "guided, 8 steps": {"objective": "aas", "guidance": replace(GUIDE, off_after=8)},
    "guided, all steps": {"objective": "aas", "guidance": replace(GUIDE, off_after=None)},
}
QUICK = ("grpo", "guided, ordinary ratio", "guided, constant shaping", "guided, aas")


def chain(question: str) -> list[int]:
    """The results of each step, left to right, modulo 10.

    >>> chain("3+4*2-5=")
    [7, 4, 9]
    """
    value, results = int(question[0]), []
    for op, digit in re.findall(r"([-+*])(\d)", question):
        value = OPS[op](value, int(digit))
        results.append(value)
    return results


def answer(steps: Sequence[int]) -> str:
    """As the student writes it."""
    return " ".join(map(str, steps)) + f"#{steps[-1]}"


def questions(rng: np.random.Generator, count: int) -> list[str]:
    """Random ones."""
    digits, ops = rng.integers(0, 10, (count, 4)), rng.integers(0, 3, (count, 3))
    return ["".join(f"{d}{'+-*'[o]}" for d, o in zip(row[:3], op, strict=True)) + f"{row[3]}=" for row, op in zip(digits, ops, strict=True)]


@dataclass
class Checker:
    """The scripted teacher, an engine: right with probability RIGHT, else wrong in its last step; `shuffled` speaks of another problem."""

    seed: int
    shuffled: bool = False

    @property
    def policy(self) -> Policy:
        return Policy("checker", f"{self.seed}{self.shuffled}")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        for request in requests:
            question = request.messages[-1].content.split("\n")[1]
            rng = np.random.default_rng(stream_seed("checker", self.seed, request.problem_id))
            steps = chain(questions(rng, 1)[0] if self.shuffled else question)
            if rng.random() >= RIGHT:
                steps[-1] = (steps[-1] + int(rng.integers(1, 10))) % 10
            text = f"<opinion>incorrect</opinion><reason>?{' '.join(map(str, steps))}</reason><phrase>#{steps[-1]}</phrase>"
            yield (Rollout.of(request, 0, policy=self.policy, engine="checker", text=text, tokens=len(text), finish="stop"),)

    def count_tokens(self, request: Request) -> int:
        return 0

    def show(self, request: Request) -> str:
        return ""

    def close(self) -> None: ...


class Last:
    """Judges what follows the last `#`."""

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        return [
            Verdict.of(
                case,
                verifier="last",
                version="1",
                outcome="correct" if case.rollout.text.rpartition("#")[2].strip() == case.label.answer else "wrong",
            )
            for case in cases
        ]

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [True] * len(labels)

    def version(self, verifier: str) -> str:
        return "1"


@dataclass
class Kept:
    """A sink in memory: of each of the student's own rollouts the step, whether it is right, and whether it holds the mark."""

    rows: list[tuple[int, bool, bool]] = field(default_factory=list)

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            if not rollout.guided:
                self.rows.append((int(rollout.step or 0), verdict.outcome == "correct", "?" in rollout.text))

    def log(self, policy: str, step: int, values: Any) -> None: ...

    def flush(self) -> None: ...

    def stored(self, policies: Sequence[str]) -> set[str]:
        return set()

    def supersede(self, policies: Sequence[str]) -> None: ...

    def rates(self, first: int, end: int) -> dict[str, float]:
        """Accuracy, share with the mark, and accuracy of those, over the steps [first, end)."""
        rows = [row for row in self.rows if first <= row[0] < end]
        marked = [row for row in rows if row[2]]
        return {
            "accuracy": sum(row[1] for row in rows) / len(rows),
            "marker": len(marked) / len(rows),
            "accuracy_marked": sum(row[1] for row in marked) / len(marked) if marked else float("nan"),
        }


def pretrain(folder: Path, wanted: float, smoothing: float = 0.0) -> dict[str, float]:
    """A checkpoint in `folder` that is right about as often as wanted; how often, and how likely it goes on with the mark.

    `smoothing` of the labels leaves tokens that never follow a floor of about smoothing / 102; without it the mark's probability is about 1e-14.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

    from assay.engines import _models

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(_models.checkpoint("tiny-arithmetic"), padding_side="left")
    set_seed(0)
    ends = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    shape = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=256, tie_word_embeddings=True, **shape, **ends))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    rng, right, step = np.random.default_rng(0), 0.0, 0
    while right < wanted and step < 4000:
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 50)
        batch = questions(rng, 128)
        loss = _loss(model, tokenizer, batch, [answer(chain(each)) for each in batch], smoothing)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step % 20 == 0:
            right = _right(model, tokenizer, questions(np.random.default_rng(step), 200))
    marked = questions(np.random.default_rng(7), 64)
    prior = _mark(model, tokenizer, marked)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"accuracy": right, "steps": step, "weights": sum(each.numel() for each in model.parameters()), "mark_prior": prior}


def _prompts(tokenizer: Any, batch: Sequence[str]) -> list[list[int]]:
    chats = [[{"role": "user", "content": each}] for each in batch]
    return [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"] for chat in chats]


def _loss(model: Any, tokenizer: Any, batch: Sequence[str], answers: Sequence[str], smoothing: float) -> Any:
    """Mean over the answers' tokens; all questions, and all answers, are of one length."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))  # (B, P)
    tails = torch.tensor([[*tokenizer.encode(each, add_special_tokens=False), tokenizer.eos_token_id] for each in answers])  # (B, T)
    logits = model(input_ids=torch.cat([prompts, tails], 1)).logits[:, prompts.size(1) - 1 : -1]  # (B, T, V)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tails.flatten(), label_smoothing=smoothing)


def _right(model: Any, tokenizer: Any, batch: Sequence[str]) -> float:
    """The share of sampled answers that are right."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))
    with torch.no_grad():
        whole = model.generate(prompts, max_new_tokens=10, do_sample=True, top_k=0, pad_token_id=tokenizer.pad_token_id)
    texts = tokenizer.batch_decode(whole[:, prompts.size(1) :], skip_special_tokens=True)
    return sum(text.rpartition("#")[2].strip() == str(chain(each)[-1]) for text, each in zip(texts, batch, strict=True)) / len(batch)


def _mark(model: Any, tokenizer: Any, batch: Sequence[str]) -> float:
    """The mean probability of going on with two line ends and the mark after an answer."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))
    tails = torch.tensor([tokenizer.encode(answer(chain(each)) + "\n\n?", add_special_tokens=False) for each in batch])
    with torch.no_grad():
        logp = model(input_ids=torch.cat([prompts, tails], 1)).logits.log_softmax(-1)[:, -4:-1]  # (B, 3, V)
    return float(logp.gather(-1, tails[:, -3:].unsqueeze(-1)).sum((1, 2)).exp().mean())


def run(arm: str, seed: int, base: str, guided: int, after: int) -> dict[str, Any]:
    """One arm with one seed: its rates before, where guidance stops, and at the end."""
    import torch

    from assay.training.grpo import train

    torch.set_num_threads(1)
    changes = dict(ARMS[arm])
    shuffled = changes.pop("shuffled", False)
    guidance = changes.get("guidance")
    if guidance is not None and guidance.off_after == GUIDED:
        changes["guidance"] = replace(guidance, off_after=guided)
    steps = guided + after
    asked = questions(np.random.default_rng([1, seed]), steps * GROUPS)
    problems = {problem.id: problem for problem in map(Problem.of, asked)}
    labels = {id_: Label.of(id_, str(chain(problem.text)[-1]), verifier="last") for id_, problem in problems.items()}
    size = changes.get("group_size", SIZE)
    settings = Settings(
        **{"group_size": SIZE, **changes},
        steps=steps,
        groups=GROUPS,
        micro_batch=size * GROUPS,
        learning_rate=RATE,
        warmup=5,
        seed=seed,
        save_every=0,
    )
    sink, began = Kept(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        train(
            Curriculum((Lesson(tuple(problems)),)),
            problems,
            labels,
            checkpoint=Path(base),
            base=Policy("student", "0" * 16),
            sampler=Sampler(max_tokens=TOKENS),
            judge=Last(),
            sink=sink,
            settings=settings,
            output=Path(folder),
            narrator=Silence(),
            teacher=Teacher(Checker(seed, shuffled)) if guidance is not None else None,
        )
    window = min(WINDOW, guided, after)
    places = {"before": (0, 1), "when guidance stops": (guided - window, guided), "at the end": (steps - window, steps)}
    return {"arm": arm, "seed": seed, "seconds": time.monotonic() - began, **{name: sink.rates(*place) for name, place in places.items()}}


def study(arms: Sequence[str], seeds: int, processes: int, guided: int, after: int, smoothing: float) -> dict[str, Any]:
    """Every arm with every seed."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        student = pool.submit(pretrain, Path(folder), WANTED, smoothing).result()
        print(f"student: {student}", flush=True)
        jobs = [pool.submit(run, arm, seed, folder, guided, after) for seed in range(seeds) for arm in arms]
        runs = []
        for job in jobs:
            runs.append(job.result())
            print(f"{runs[-1]['arm']}, seed {runs[-1]['seed']}: {runs[-1]['seconds']:.0f} s", flush=True)
    return {
        "student": student,
        "guided_steps": guided,
        "after_steps": after,
        "seeds": seeds,
        "smoothing": smoothing,
        "runs": runs,
        "hardware": hardware(),
    }


def told(found: dict[str, Any], arms: Sequence[str]) -> str:
    """The result as a Markdown table and the sentence that was promised beforehand."""
    lines = ["| arm | accuracy at the end | marker when guidance stops | marker at the end | accuracy with the marker |", "|---|---|---|---|---|"]
    for arm in arms:
        runs = [each for each in found["runs"] if each["arm"] == arm]
        cells = [("at the end", "accuracy"), ("when guidance stops", "marker"), ("at the end", "marker"), ("at the end", "accuracy_marked")]
        lines.append(f"| {arm} | " + " | ".join(spread([each[when][what] for each in runs]) for when, what in cells) + " |")
    return "\n".join(lines) + f"\n\n{verdict(found)}"


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds, of the values that are numbers."""
    known = [value for value in values if value == value]
    if not known:
        return "-"
    return f"{statistics.mean(known):.3f} ± {statistics.stdev(known) if len(known) > 1 else float('nan'):.3f}"


def verdict(found: dict[str, Any]) -> str:
    """Whether advantage-aware and constant shaping differ, by the rule that was written down before."""
    pair = [[run["at the end"]["accuracy"] for run in found["runs"] if run["arm"] == f"guided, {name}"] for name in ("aas", "constant shaping")]
    if any(len(values) < 2 for values in pair):
        return "too few seeds for a verdict"
    gap, noise = statistics.mean(pair[0]) - statistics.mean(pair[1]), max(map(statistics.stdev, pair))
    said = "they differ" if abs(gap) > noise else "no difference seen"
    return f"advantage-aware - constant shaping: {gap:+.3f} in accuracy, standard deviation over seeds {noise:.3f}: {said}."


def main() -> None:
    """Runs the study, prints its table and writes it; a quick one writes under another name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 arms, 2 seeds, 12 guided steps and 8 after: does it run, not what comes out")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--smoothing", type=float, default=0.0, help="of pre-training's labels: raises the mark's prior from 1e-14")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    arms = QUICK if given.quick else tuple(ARMS)
    seeds, guided, after = (2, 12, 8) if given.quick else (given.seeds, GUIDED, AFTER)
    began = time.monotonic()
    found = study(arms, seeds, given.processes, guided, after, given.smoothing)
    found["seconds"] = time.monotonic() - began
    print(f"\n{told(found, arms)}\n\n{found['seconds'] / 60:.1f} minutes, {found['hardware']}")
    RESULTS.mkdir(exist_ok=True)
    name = "teacher_study_quick" if given.quick else "teacher_study"
    text = json.dumps(found, indent=1).replace("NaN", "null")
    (RESULTS / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
