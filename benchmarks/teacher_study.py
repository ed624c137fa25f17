"""Can appended feedback give a policy a behaviour whose prior is nearly zero, where plain GRPO cannot? The mechanism of ThinkTuning, on a CPU.

    python -m benchmarks.teacher_study [--quick] [--seeds 5] [--processes 2] [--prior sharp] [--student FOLDER]

Setting. A Llama of 0.2 million weights works `3+4*2-5=` out from left to right, modulo 10, as `7 4 9#9`. It is pre-trained here until about
40% of its sampled answers are right. A scripted teacher works the chain out again, right 60% of the time, and writes `?9` and `#9` behind the
student's answer; the last `#` counts. The behaviour is to write `?` and give the last result once more. Its prior is 1e-5, either as three tokens
of 2% each, which is where advantage-aware shaping passes nearly all (`spread`), or as one of 1e-5, which it all but blots out (`sharp`).

Arms, all with the same updates and the same number of sampled rollouts but `grpo +1`: plain GRPO; with one more rollout a group in the place of the
teacher; guided sequences under the ordinary ratio, under constant shaping p / (p + 0.1), under advantage-aware shaping, and under it as it was
released (gamma = -0.001 for all); supervised on the same guided sequences; with feedback that belongs to another problem (placebo); guided in the
first 8 steps only; guided in all. The others are guided up to `GUIDED`, and go on for `AFTER` steps without. One update a batch, so the ordinary
ratio is 1 and clips nothing: that arm is REINFORCE on the guided sequences.

Written down before: advantage-aware and constant shaping differ if the means of final accuracy on held-out problems are further apart than the larger
of their standard deviations over seeds; else the study says "no difference seen". Nothing here says anything about MATH or GPQA.

Each run is kept when it ends, and the same command makes only those that are missing.
"""

import argparse
import json
import math
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from assay.api import NullReporter
from assay.core.identity import derive_seed
from assay.core.types import (
    Curriculum,
    GradingCase,
    Label,
    Phase,
    Policy,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    Verdict,
)
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.settings import TrainingSettings
from benchmarks.claims import RESULTS, hardware

GROUPS, SIZE, TOKENS = 8, 8, 16  # problems a step, rollouts a problem, longest answer
GUIDED, AFTER, WINDOW = 30, 50, 5  # steps with guidance, steps after it, steps that a rate on the way is measured over
ASKED, LOOKS = 200, 4  # held-out problems, samples of each
BEHIND = "\n\n?"  # what stands between an answer and its second look
PRIORS = {
    "spread": (0.02, 0.02, 0.02),
    "sharp": (1e-5, 0.99, 0.99),
}  # of each of its tokens: the mark's prior is about 1e-5 both times
RIGHT = 0.6  # of the teacher's chains
WANTED = 0.4  # of the student's answers, where pre-training stops
RATE = 3e-4
OPS = {"+": lambda a, b: (a + b) % 10, "-": lambda a, b: (a - b) % 10, "*": lambda a, b: (a * b) % 10}
GUIDE = TeacherSettings(schedule="constant", fraction=0.2, stop_step=GUIDED, apply_to="any")
ARMS: dict[str, dict[str, Any]] = {
    "grpo": {"objective": "dapo"},
    "grpo +1 rollout": {"objective": "dapo", "group_size": SIZE + 1},
    "guided, ordinary ratio": {"objective": "dapo", "teacher_settings": GUIDE},
    "guided, constant shaping": {
        "objective": "aas",
        "settings": {"gamma_low": 0.1, "gamma_high": 0.1, "rare": 0.0},
        "teacher_settings": GUIDE,
    },
    "guided, aas": {"objective": "aas", "teacher_settings": GUIDE},
    "guided, aas as released": {
        "objective": "aas",
        "settings": {"gamma_low": -0.001, "gamma_high": -0.001},
        "teacher_settings": GUIDE,
    },
    "guided, sft": {"objective": "sft", "teacher_settings": GUIDE},
    "guided, shuffled": {"objective": "aas", "teacher_settings": GUIDE, "shuffled": True},
    "guided, 8 steps": {"objective": "aas", "teacher_settings": replace(GUIDE, stop_step=8)},
    "guided, all steps": {"objective": "aas", "teacher_settings": replace(GUIDE, stop_step=None)},
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
    return [
        "".join(f"{d}{'+-*'[o]}" for d, o in zip(row[:3], op, strict=True)) + f"{row[3]}="
        for row, op in zip(digits, ops, strict=True)
    ]


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
            rng = np.random.default_rng(derive_seed("checker", self.seed, request.problem_id))
            steps = chain(questions(rng, 1)[0] if self.shuffled else question)
            if rng.random() >= RIGHT:
                steps[-1] = (steps[-1] + int(rng.integers(1, 10))) % 10
            text = f"<opinion>incorrect</opinion><reason>?{steps[-1]}</reason><phrase>#{steps[-1]}</phrase>"
            yield (
                Rollout.of(
                    request, 0, policy=self.policy, engine="checker", text=text, tokens=len(text), finish="stop"
                ),
            )

    def count_tokens(self, request: Request) -> int:
        return 0

    def show(self, request: Request) -> str:
        return ""

    def close(self) -> None: ...


class Last:
    """Judges what follows the last `#`."""

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
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


def pretrain(folder: Path, wanted: float, branch: Sequence[float]) -> dict[str, Any]:
    """A checkpoint in `folder` that is right about as often as wanted; how often, and how likely it goes on with the mark.

    `branch`: how likely each token of BEHIND is to follow, in the place of the end, as in a corpus where that is rare but seen often enough.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

    from assay.engines.models import registry

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(registry.find_checkpoint("tiny-arithmetic"), padding_side="left")
    set_seed(0)
    ends = {
        "bos_token_id": tokenizer.eos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape = {
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
    }
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=256, tie_word_embeddings=True, **shape, **ends)
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    rng, right, step = np.random.default_rng(0), 0.0, 0
    while right < wanted and step < 4000:
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 50)
        batch = questions(rng, 128)
        loss = _loss(model, tokenizer, batch, [answer(chain(each)) for each in batch], branch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step % 20 == 0:
            right = _right(model, tokenizer, questions(np.random.default_rng(step), 200))
    marked = questions(np.random.default_rng(7), 64)
    prior = _mark(model, tokenizer, marked)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = sum(each.numel() for each in model.parameters())
    return {"accuracy": right, "steps": step, "weights": weights, "mark_prior": math.prod(prior), "mark_tokens": prior}


def _prompts(tokenizer: Any, batch: Sequence[str]) -> list[list[int]]:
    chats = [[{"role": "user", "content": each}] for each in batch]
    return [
        tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
        for chat in chats
    ]


def _loss(model: Any, tokenizer: Any, batch: Sequence[str], answers: Sequence[str], branch: Sequence[float]) -> Any:
    """Mean over the answers' tokens and the places behind them, where the target is the end but for a share; all questions are of one length."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))  # (B, P)
    tails = torch.tensor([tokenizer.encode(each + BEHIND, add_special_tokens=False) for each in answers])  # (B, T)
    logp = (
        model(input_ids=torch.cat([prompts, tails], 1)).logits[:, prompts.size(1) - 1 : -1].log_softmax(-1)
    )  # (B, T, V)
    said = logp.gather(-1, tails.unsqueeze(-1)).squeeze(-1)  # (B, T)
    share = torch.tensor(branch)  # (3,)
    behind = share * said[:, -3:] + (1 - share) * logp[:, -3:, tokenizer.eos_token_id]  # (B, 3)
    return -torch.cat([said[:, :-3], behind], 1).mean()


def _right(model: Any, tokenizer: Any, batch: Sequence[str]) -> float:
    """The share of sampled answers that are right."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))
    with torch.no_grad():
        whole = model.generate(prompts, max_new_tokens=10, do_sample=True, top_k=0, pad_token_id=tokenizer.pad_token_id)
    texts = tokenizer.batch_decode(whole[:, prompts.size(1) :], skip_special_tokens=True)
    return sum(map(_says, texts, batch)) / len(batch)


def _says(text: str, question: str) -> bool:
    """Whether what follows the last `#` is right."""
    return text.rpartition("#")[2].strip() == str(chain(question)[-1])


def _mark(model: Any, tokenizer: Any, batch: Sequence[str]) -> list[float]:
    """The mean probability of each token of BEHIND after an answer and those before it."""
    import torch

    prompts = torch.tensor(_prompts(tokenizer, batch))
    tails = torch.tensor([tokenizer.encode(answer(chain(each)) + BEHIND, add_special_tokens=False) for each in batch])
    with torch.no_grad():
        logp = model(input_ids=torch.cat([prompts, tails], 1)).logits.log_softmax(-1)[:, -4:-1]  # (B, 3, V)
    return [float(each) for each in logp.gather(-1, tails[:, -3:].unsqueeze(-1)).squeeze(-1).exp().mean(0)]


def held_out(folder: Path, tokens: int = TOKENS) -> dict[str, float]:
    """Accuracy, share with the mark, and accuracy of those, of a checkpoint on ASKED problems that no run trains on, LOOKS samples each."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder, padding_side="left"),
        AutoModelForCausalLM.from_pretrained(folder),
    )
    batch = questions(np.random.default_rng(2), ASKED)
    prompts = torch.tensor(_prompts(tokenizer, batch)).repeat_interleave(LOOKS, 0)
    set_seed(0)
    with torch.no_grad():
        whole = model.generate(
            prompts, max_new_tokens=tokens, do_sample=True, top_k=0, pad_token_id=tokenizer.pad_token_id
        )
    texts = tokenizer.batch_decode(whole[:, prompts.size(1) :], skip_special_tokens=True)
    kept = Kept([(0, _says(text, batch[place // LOOKS]), "?" in text) for place, text in enumerate(texts)])
    return kept.rates(0, 1)


def run(arm: str, seed: int, base: str, design: dict[str, Any]) -> dict[str, Any]:
    """One arm with one seed: its rates on held-out problems at the end, and those of its rollouts on the way."""
    import torch

    from assay.training.grpo import train

    torch.set_num_threads(1)
    changes = dict(ARMS[arm])
    shuffled = changes.pop("shuffled", False)
    guidance = changes.get("teacher_settings")
    guided, after = design["guided_steps"], design["after_steps"]
    if guidance is not None and guidance.stop_step == GUIDED:
        changes["teacher_settings"] = replace(guidance, stop_step=guided)
    steps = guided + after
    asked = questions(np.random.default_rng([1, seed]), steps * GROUPS)
    problems = {problem.id: problem for problem in map(Problem.of, asked)}
    labels = {id_: Label.of(id_, str(chain(problem.text)[-1]), verifier="last") for id_, problem in problems.items()}
    size = changes.get("group_size", SIZE)
    settings = TrainingSettings(
        **{"group_size": SIZE, **changes},
        steps=steps,
        problems_per_step=GROUPS,
        micro_batch_size=size * GROUPS,
        learning_rate=design["rate"],
        warmup_steps=5,
        seed=seed,
        save_every=0,
    )
    sink, began = Kept(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            Curriculum((Phase(tuple(problems)),)),
            problems,
            labels,
            checkpoint=Path(base),
            base=Policy("student", "0" * 16),
            sampler=SamplingConfig(max_tokens=TOKENS),
            judge=Last(),
            sink=sink,
            settings=settings,
            output=Path(folder),
            reporter=NullReporter(),
            teacher=Teacher(Checker(seed, shuffled)) if guidance is not None else None,
        )
        ended = held_out(trained.checkpoint)
    window = min(WINDOW, guided, after)
    places = {"before": (0, 1), "when guidance stops": (guided - window, guided), "last steps": (steps - window, steps)}
    curve = [round(sink.rates(step, step + 1)["marker"], 4) for step in range(steps)]
    told = {name: sink.rates(*place) for name, place in places.items()}
    return {
        "arm": arm,
        "seed": seed,
        "seconds": time.monotonic() - began,
        **told,
        "at the end": ended,
        "marker_by_step": curve,
    }


def study(
    arms: Sequence[str], seeds: int, processes: int, design: dict[str, Any], student: Path, kept: Path
) -> dict[str, Any]:
    """Every arm with every seed; `kept` holds the runs that are done, and a rerun of the same design makes only the others."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        facts = student / "student.json"
        if not facts.is_file():
            facts.write_text(json.dumps(pool.submit(pretrain, student, WANTED, PRIORS[design["prior"]]).result()))
        found = {"student": json.loads(facts.read_text()), **design, "hardware": hardware(), "runs": []}
        print(f"student: {found['student']}", flush=True)
        if kept.is_file() and {**(old := json.loads(kept.read_text())), "runs": [], "hardware": hardware()} == found:
            found["runs"] = old["runs"]
        done = {(each["arm"], each["seed"]) for each in found["runs"]}
        todo = [(arm, seed) for seed in range(seeds) for arm in arms if (arm, seed) not in done]
        for context in as_completed([pool.submit(run, arm, seed, str(student), design) for arm, seed in todo]):
            found["runs"].append(one := context.result())
            write(kept, found)
            print(f"{one['arm']}, seed {one['seed']}: {one['seconds']:.0f} s, {one['at the end']}", flush=True)
    return found


def write(path: Path, found: dict[str, Any]) -> None:
    """All of it or what was there before."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(found, indent=1).replace("NaN", "null") + "\n")
    path.with_suffix(".part").replace(path)


def told(found: dict[str, Any], arms: Sequence[str]) -> str:
    """The result as a Markdown table and the sentences that were promised beforehand."""
    lines = [
        "| arm | accuracy at the end | mark when guidance stops | mark at the end | accuracy with the mark | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for arm in arms:
        runs = [each for each in found["runs"] if each["arm"] == arm]
        cells = [
            ("at the end", "accuracy"),
            ("when guidance stops", "marker"),
            ("at the end", "marker"),
            ("at the end", "accuracy_marked"),
        ]
        lines.append(
            f"| {arm} | "
            + " | ".join(spread([each[when][what] for each in runs]) for when, what in cells)
            + f" | {len(runs)} |"
        )
    return "\n".join([*lines, "", verdict(found, "accuracy"), verdict(found, "marker")])


def spread(values: Sequence[float | None]) -> str:
    """Mean ± standard deviation over seeds, of the values that are numbers."""
    known = [value for value in values if value is not None and value == value]
    if not known:
        return "-"
    return f"{statistics.mean(known):.3f} ± {statistics.stdev(known) if len(known) > 1 else float('nan'):.3f}"


def verdict(found: dict[str, Any], what: str) -> str:
    """Whether advantage-aware and constant shaping differ at the end, by the rule that was written down before."""
    pair = [
        [run["at the end"][what] for run in found["runs"] if run["arm"] == f"guided, {name}"]
        for name in ("aas", "constant shaping")
    ]
    if any(len(values) < 2 for values in pair):
        return "too few seeds for a verdict"
    gap, noise = statistics.mean(pair[0]) - statistics.mean(pair[1]), max(map(statistics.stdev, pair))
    said = "they differ" if abs(gap) > noise else "no difference seen"
    return (
        f"advantage-aware - constant shaping: {gap:+.3f} in {what}, standard deviation over seeds {noise:.3f}: {said}."
    )


def main() -> None:
    """Runs the study, prints its table and writes it; a quick one writes under another name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="4 arms, 2 seeds, 12 guided steps and 8 after: does it run, not what comes out",
    )
    parser.add_argument("--arms", default="", help="some of them, by `;`")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--prior", choices=PRIORS, default="spread", help="whether its three tokens are rare, or the first alone"
    )
    parser.add_argument("--after", type=int, default=AFTER, help="steps after guidance")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--student", type=Path, help="a folder that keeps the pre-trained student, for a rerun")
    given = parser.parse_args()
    arms = QUICK if given.quick else tuple(filter(None, given.arms.split(";"))) or tuple(ARMS)
    seeds, guided, after = (2, 12, 8) if given.quick else (given.seeds, GUIDED, given.after)
    design = {"prior": given.prior, "rate": RATE, "guided_steps": guided, "after_steps": after}
    parts = (
        [given.prior] * (given.prior != "spread")
        + [f"after{after}"] * (after not in (AFTER, 8))
        + ["quick"] * given.quick
    )
    name = "_".join(["teacher_study", *parts])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        student = given.student or Path(folder)
        student.mkdir(parents=True, exist_ok=True)
        found = study(arms, seeds, given.processes, design, student, RESULTS / f"{name}.json")
    print(f"\n{told(found, arms)}\n\n{(time.monotonic() - began) / 60:.1f} minutes, {found['hardware']}")


if __name__ == "__main__":
    main()
