"""Tree searches: tokens a second beside one search at a time, beside 64 searches on one server, and what the score is worth.

(a) `transformers`: the scorer `mcts` on 64 problems in lockstep, judged and stored; beside ThinkLite-VL's way, `generate` of the same library
    on one sequence at a time, and beside the same with its 3 children as one batch. `llamacpp` is reported too.
(b) `server`: the same scorer on engine `openai`, beside 64 searches of their own under asyncio (httpx); both ask one `curate serve-model`.
(c) `worth`: Spearman correlation with the pass rate of 64 recorded samples, beside the plain pass rate at equal tokens. The recorded samples
    take no part in either. Steps are single tokens there: the tiny model's answers have four at most, and no lines.

The peers walk the same trees (`maths/search/tree.py`) and judge by the last number, in their own process. With --quick (a) and (b) run on the
tiny model, else on the packaged one, and a search in (c) has 12 iterations, else 50. A rate is that of `--seconds` of searching, however
far the searches come; in (b) half as long passes before it, in which the server's places fill and many answers end at once.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from scipy import stats

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import Stopped
from assay.core.identity import derive_seed
from assay.core.tree_search import SearchConfig
from assay.core.types import Label, Outcome, Problem, Request, Rollout, SamplingConfig
from assay.engines.transformers import Transformers
from assay.maths.search.tree import Complete, Expand, NodeJudge, TreeReply, TreeRequest, search
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.tree_search import Searches, search_samplers, step_of
from assay.stores.lake import Lake
from benchmarks.claims import Claim, publish

PROBLEMS = 64
NUMBER = re.compile(r"-?\d+")
SHOTS = [
    {
        "user": f"What is {a} + {b}?",
        "assistant": f"{a} + {b}\n= {a // 10 * 10} + {b // 10 * 10} + {a % 10} + {b % 10}\nThe answer is {a + b}.",
    }
    for a, b in ((12, 25), (31, 14), (45, 23), (22, 36))
]
POLICY: dict[str, Any] = {
    "model": "smollm2-135m-instruct",
    "engine": "transformers",
    "batch_size": 64,
    "max_tokens": 64,
    "shots": SHOTS,
}
TINY: dict[str, Any] = {"model": "tiny-arithmetic", "engine": "transformers", "batch_size": 192, "max_tokens": 8}
RULES = SearchConfig(steps=4, step_tokens=24, iterations=50)
TINY_RULES = SearchConfig(steps=8, step_tokens=1, delimiter="", iterations=50)
RECORDED = "package:recordings/tiny_problems.jsonl"
Sums = list[tuple[str, str]]  # (question, answer)


def main() -> None:
    """Runs what is asked for and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the tiny model; 12 iterations for the worth")
    parser.add_argument("--only", choices=("transformers", "llamacpp", "server", "worth"))
    parser.add_argument("--seconds", type=float, help="of each rate; 20 with --quick, else 60")
    asked = parser.parse_args()
    seconds = asked.seconds or (20.0 if asked.quick else 60.0)
    parts: dict[str, Callable[[], list[Claim]]] = {
        "transformers": lambda: lockstep(asked.quick, seconds),
        "llamacpp": lambda: llamacpp(seconds),
        "server": lambda: server(asked.quick, seconds),
        "worth": lambda: worth(12 if asked.quick else 50),
    }
    chosen = [asked.only] if asked.only else [name for name in parts if not (asked.quick and name == "llamacpp")]
    for name in chosen:
        publish(f"searching_{name}{'_quick' if asked.quick else ''}", parts[name]())


def sums(tiny: bool) -> Sums:
    """Problems of three digits for the tiny model, nearly all beyond it, so that searches go on; of two for the other."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(*((100, 1000) if tiny else (10, 100)), (PROBLEMS, 2)).tolist()
    return [(f"{a}+{b}=" if tiny else f"What is {a} + {b}?", str(a + b)) for a, b in pairs]


@contextmanager
def opened(policy: dict[str, Any], problems: Sums | None, *, seconds: float | None = None) -> Iterator[RunContext]:
    """A job on a fresh lake that has walked up to the split, and is asked to stop after so many seconds: cut off, as its peers are."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problems.jsonl"
        if problems is not None:
            path.write_text(
                "".join(json.dumps({"prompt": question, "answer": answer}) + "\n" for question, answer in problems)
            )
        source = {
            "type": "files",
            "paths": RECORDED if problems is None else str(path),
            "verifier": "numeric",
            "name": "sums",
        }
        tables = {
            "seed": 1,
            "lake": f"{folder}/lake",
            "source": [source],
            "policy": policy,
            "clean": {"filters": ["empty", "exact"]},
        }
        config = parse_config(tables)
        with Lake(config.lake) as lake, closing(RunContext(config, lake, NullReporter())) as context:
            run_stages(context, "split")
            if seconds is not None:
                _warm(context)
                ends = time.monotonic() + seconds
                context.stop = lambda: time.monotonic() > ends
            yield context


def _train_side(context: RunContext) -> tuple[dict[str, Problem], dict[str, Label]]:
    """The problems and labels of a context that `opened` gave."""
    return read_side(context, run_stages(context, "split", only=True), "train")


def _warm(context: RunContext) -> None:
    problems, labels = _train_side(context)
    first = next(iter(problems))
    request = Request(
        "warm", context.config.policy.sampler.render(problems[first]), context.config.policy.sampler, (0,), 0
    )
    rollouts = list(
        context.engine.generate([request])
    )  # to its end: a call that is dropped closes the engine, and a server is asked anew who it is
    context.judge.reads([labels[first]])
    assert rollouts


def pace(
    policy: dict[str, Any], problems: Sums, rules: SearchConfig, seconds: float, *, skip: float = 0.0
) -> tuple[float, int]:
    """Generated tokens a second of the whole scorer, judged and stored, from `skip` seconds after its start; and tokens."""
    with opened(policy, problems, seconds=skip + seconds) as context:
        golds, labels = _train_side(context)
        window = Window(skip)
        ended = context.stop
        context.stop = lambda: window.look(context.meter.tokens) or ended()
        with suppress(Stopped):
            Searches(context, golds, labels, rules, scoring="benchmark").run(sorted(golds))
        return window.rate(context.meter.tokens), window.tokens(context.meter.tokens)


@dataclass(slots=True)
class Window:
    """Tokens and time from `skip` seconds after the start: until then places fill, and many answers end at once."""

    skip: float  # seconds
    began: float = field(default_factory=time.monotonic)
    before: int | None = None  # tokens at its start

    def look(self, tokens: int) -> bool:
        """Notes where the window starts; never a reason to stop."""
        if self.before is None and time.monotonic() - self.began >= self.skip:
            self.before, self.began = tokens, time.monotonic()
        return False

    def tokens(self, now: int) -> int:
        """Generated in it."""
        return now - (self.before or 0)

    def rate(self, now: int) -> float:
        """Tokens a second."""
        return self.tokens(now) / (time.monotonic() - self.began)


def lockstep(quick: bool, seconds: float) -> list[Claim]:
    """(a) on transformers."""
    policy, rules, problems = (TINY, TINY_RULES, sums(True)) if quick else (POLICY, RULES, sums(False))
    ours, tokens = pace(policy, problems, rules, seconds)
    engine = Transformers(policy["model"])
    single, three = (
        Alone(engine, policy, rules, together=together).pace(problems, seconds) for together in (False, True)
    )
    what = f"{PROBLEMS} problems, {policy['model']}, generated tokens/s of tree searches"
    return [
        Claim(
            f"{what}, beside one sequence at a time",
            ours,
            single,
            ours / single,
            ">= 5",
            ours / single >= 5,
            "tokens/s",
            n=tokens,
        ),
        Claim(f"{what}, beside 3 children as one batch", ours, three, ours / three, "none", True, "tokens/s", n=tokens),
    ]


def llamacpp(seconds: float) -> list[Claim]:
    """(a) on llama.cpp: all trees in lockstep beside one tree, where 3 children are one call in either."""
    policy = {key: value for key, value in POLICY.items() if key != "batch_size"} | {"engine": "llamacpp", "slots": 8}
    ours, tokens = pace(policy, sums(False), RULES, seconds)
    alone, _ = pace(
        policy, sums(False)[:1], SearchConfig(steps=4, step_tokens=24, iterations=10_000, exhaust=True), seconds
    )
    what = f"llamacpp, {PROBLEMS} problems in lockstep, beside one problem; on a CPU a batch gains little"
    return [Claim(what, ours, alone, ours / alone, "none", True, "tokens/s", n=tokens)]


class Alone:
    """ThinkLite-VL's way: one search after the other, a `generate` of transformers for each step of each child."""

    def __init__(self, engine: Transformers, policy: dict[str, Any], rules: SearchConfig, *, together: bool) -> None:
        self.engine, self.rules, self.together = engine, rules, together
        shots = tuple((shot["user"], shot["assistant"]) for shot in policy.get("shots", ()))
        self.step, self.rest = search_samplers(SamplingConfig(max_tokens=policy["max_tokens"], shots=shots), rules)

    def pace(self, problems: Sums, seconds: float) -> float:
        """Generated tokens a second of the searches."""
        self._generate(Problem.of(problems[0][0]), Expand("", (0,)))
        began, tokens = time.monotonic(), 0
        for question, answer in problems:
            for spent in self._search(Problem.of(question), answer):
                tokens += spent
                if time.monotonic() - began > seconds:
                    return tokens / (time.monotonic() - began)
        return tokens / (time.monotonic() - began)

    def _search(self, problem: Problem, answer: str) -> Iterator[int]:
        grow = search(self.rules, np.random.default_rng(derive_seed("search", problem.id, 0)))
        ask, told = next(grow), None
        while True:
            if isinstance(ask, NodeJudge):
                told = judged(ask.text, answer)
                yield 0
            else:
                rollouts = self._generate(problem, ask)
                yield sum(rollout.tokens for rollout in rollouts)
                told = tuple(step_of(rollout, ask, self.rules) for rollout in rollouts)
            try:
                ask = grow.send(told)
            except StopIteration:
                return

    def _generate(self, problem: Problem, ask: Expand | Complete) -> list[Rollout]:
        if self.together or len(ask.samples) == 1:
            return self._call(problem, ask, ask.samples)
        return [rollout for sample in ask.samples for rollout in self._call(problem, ask, (sample,))]

    def _call(self, problem: Problem, ask: Expand | Complete, samples: Sequence[int]) -> list[Rollout]:
        import torch

        model, tokenizer = self.engine._decoder.model, self.engine._tokenizer
        sampler = self.step if isinstance(ask, Expand) else self.rest
        request = Request(problem.id, sampler.render(problem), sampler, tuple(samples), 0, ask.prefix)
        prompt = torch.tensor([self.engine._encode_prompt(request)])
        how = {"stop_strings": list(sampler.stop), "tokenizer": tokenizer} if sampler.stop else {}
        how |= {
            "temperature": sampler.temperature,
            "top_p": sampler.top_p,
            "top_k": 0,
            "max_new_tokens": sampler.max_tokens,
        }
        with torch.inference_mode():
            out = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                num_return_sequences=len(samples),
                pad_token_id=tokenizer.eos_token_id,
                **how,
            )
        return [
            self._rollout(request, sample, row[prompt.shape[1] :].tolist())
            for sample, row in zip(samples, out, strict=True)
        ]

    def _rollout(self, request: Request, sample: int, tokens: list[int]) -> Rollout:
        ended = next(
            (place + 1 for place, token in enumerate(tokens) if token in self.engine._closing_tokens), len(tokens)
        )
        text, stopped = self.engine._decode_text(tokens[:ended], request.sampler)
        closed = ended < len(tokens) or tokens[ended - 1] in self.engine._closing_tokens
        finish = "stop" if closed or stopped else "length"
        return Rollout.of(
            request,
            sample,
            policy=self.engine.policy,
            engine="peer",
            text=text,
            tokens=ended,
            finish=finish,
            stopped=stopped if finish == "stop" else None,
        )


def judged(text: str, answer: str) -> Outcome:
    """By the last number."""
    found = NUMBER.findall(text)
    return "correct" if found and found[-1] == answer else "wrong"


@contextmanager
def serving(policy: dict[str, Any]) -> Iterator[str]:
    """The address of a server of its own process."""
    command = [
        sys.executable,
        "-m",
        "assay",
        "curate",
        "serve-model",
        "--engine",
        policy["engine"],
        "--model",
        policy["model"],
        "--port",
        "0",
        "--slots",
        str(3 * PROBLEMS),
    ]
    running = subprocess.Popen(
        [*command, "--set", f"batch_size={policy['batch_size']}"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stderr
        heard = ""
        while not (found := re.search(r"at (http://\S+/v1)", heard)):
            line = running.stderr.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {heard[-300:]}")
            heard += line.replace("\n", "")
        yield found[1]
    finally:
        running.terminate()
        running.wait()


def server(quick: bool, seconds: float) -> list[Claim]:
    """(b)"""
    policy, rules, problems = (TINY, TINY_RULES, sums(True)) if quick else (POLICY, RULES, sums(False))
    ours, peer, tokens = list[float](), list[float](), 0
    asked = {key: value for key, value in policy.items() if key not in ("batch_size", "engine")}
    for turn in range(2 if quick else 4):  # each asks a server that nobody asked before
        for mine in (
            (True, False) if turn % 2 == 0 else (False, True)
        ):  # in turns, so that a busy minute of the machine meets both
            with serving(policy) as url:
                if mine:
                    rate, spent = pace(
                        {**asked, "engine": "openai", "urls": [url]}, problems, rules, seconds, skip=seconds / 2
                    )
                    ours, tokens = [*ours, rate], tokens + spent
                else:
                    peer.append(asyncio.run(Independent(url, policy, rules).pace(problems, seconds, skip=seconds / 2)))
    print(f"ours {[round(each, 1) for each in ours]}, peer {[round(each, 1) for each in peer]} tokens/s, in turns")
    mean, theirs = sum(ours) / len(ours), sum(peer) / len(peer)
    what = f"{PROBLEMS} searches on one server, {policy['model']}, beside as many of their own under asyncio"
    return [Claim(what, mean, theirs, mean / theirs, ">= 1.0", mean / theirs >= 1.0, "tokens/s", n=tokens)]


class Independent:
    """Searches that know nothing of each other: each awaits its own answers."""

    def __init__(self, url: str, policy: dict[str, Any], rules: SearchConfig) -> None:
        self.url, self.model, self.rules, self.tokens = url, policy["model"], rules, 0
        shots = tuple((shot["user"], shot["assistant"]) for shot in policy.get("shots", ()))
        self.step, self.rest = search_samplers(SamplingConfig(max_tokens=policy["max_tokens"], shots=shots), rules)

    async def pace(self, problems: Sums, seconds: float, *, skip: float) -> float:
        """Generated tokens a second of all of them, from `skip` seconds after their start."""
        async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as line:
            await self._steps(line, Problem.of(problems[0][0]), Expand("", (0,)))
            self.tokens, window = 0, Window(skip)
            jobs = [
                asyncio.create_task(self._search(line, Problem.of(question), answer)) for question, answer in problems
            ]
            await asyncio.wait(jobs, timeout=skip)
            window.look(self.tokens)
            await asyncio.wait(jobs, timeout=seconds)
            rate = window.rate(self.tokens)
            for context in jobs:
                context.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        return rate

    async def _search(self, line: httpx.AsyncClient, problem: Problem, answer: str) -> None:
        grow = search(self.rules, np.random.default_rng(derive_seed("search", problem.id, 0)))
        ask: TreeRequest = next(grow)
        while True:
            told: TreeReply = (
                judged(ask.text, answer) if isinstance(ask, NodeJudge) else await self._steps(line, problem, ask)
            )
            try:
                ask = grow.send(told)
            except StopIteration:
                return

    async def _steps(self, line: httpx.AsyncClient, problem: Problem, ask: Expand | Complete) -> TreeReply:
        sampler = self.step if isinstance(ask, Expand) else self.rest
        request = Request(problem.id, sampler.render(problem), sampler, ask.samples, 0, ask.prefix)
        turns = [message._asdict() for message in request.messages]
        begun = {"add_generation_prompt": False, "continue_final_message": True} if ask.prefix else {}
        body = {
            "model": self.model,
            "messages": [*turns, *([{"role": "assistant", "content": ask.prefix}] if ask.prefix else [])],
            "max_tokens": sampler.max_tokens,
            "temperature": sampler.temperature,
            "top_p": sampler.top_p,
            "stop": list(sampler.stop),
            "n": len(ask.samples),
            **begun,
        }
        told = (await line.post(f"{self.url}/chat/completions", json=body)).json()
        self.tokens += told["usage"]["completion_tokens"]
        rollouts = [Rollout(**_blank(request, choice)) for choice in told["choices"]]
        return tuple(step_of(rollout, ask, self.rules) for rollout in rollouts)


def _blank(request: Request, choice: dict[str, Any]) -> dict[str, Any]:
    ended = (choice.get("stop_reason") or "") if choice["finish_reason"] == "stop" else None
    kept = {
        "text": choice["message"]["content"],
        "finish": choice["finish_reason"],
        "stopped": ended,
        "tokens": 1,
        "seed": 0,
        "sample": 0,
    }
    return {"id": "", "problem_id": request.problem_id, "policy": "", "policy_name": "", "sampler": "", **kept}


def worth(iterations: int) -> list[Claim]:
    """(c): scores against the recorded pass rate; the plain rate has the whole search's tokens, spread evenly."""
    rules = SearchConfig(steps=8, step_tokens=1, delimiter="", iterations=iterations, temperature=1.0, top_p=1.0)
    with opened(TINY, None) as context:
        problems, labels = _train_side(context)
        ids = sorted(problems)
        truth = _recorded(context, ids)
        found = Searches(context, problems, labels, rules, scoring="benchmark").run(ids)
        tokens = context.meter.tokens
        at = np.array([found[id_].solved_at or rules.iterations + 1 for id_ in ids])
        plain, spent = _plain(context, ids, tokens)
    pairs = {"search": -at.astype(float), "plain": plain}
    rho = {name: float(stats.spearmanr(values, truth).statistic) for name, values in pairs.items()}
    low, high = _difference(pairs["search"], pairs["plain"], truth)
    what = f"Spearman with the pass rate of 64 held-out samples, {len(ids)} problems, search ({tokens} tokens) beside plain attempts ({spent})"
    verdict = "search wins" if low > 0 else "plain wins" if high < 0 else "neither wins"
    told = f"{what}; difference in [{low:.3f}, {high:.3f}], {verdict}"
    hard, none = at > 6, _none_of_six(plain, ids)
    print(
        f"hard by search (K > 6 or censored): {hard.sum()}, of {len(ids)}; censored: {(at > rules.iterations).sum()}; {none}"
    )
    return [
        Claim(
            told,
            rho["search"],
            rho["plain"],
            rho["search"] / rho["plain"],
            "none",
            True,
            "rho",
            n=len(ids),
            full_n=len(ids),
        )
    ]


def _none_of_six(plain: Any, ids: list[str]) -> str:
    return f"never right in plain attempts: {int((plain == 0).sum())} of {len(ids)}"


def _recorded(context: RunContext, ids: list[str]) -> Any:
    """Shares right of the bundled recording, by the same verifier."""
    policy = {key: value for key, value in TINY.items() if key not in ("engine", "model", "batch_size")}
    replay = {**policy, "engine": "replay", "path": "package:recordings/tiny.parquet"}
    with opened(replay, None) as other:
        problems, labels = _train_side(other)
        counts = StoredRollouts(other, problems, labels).draw(dict.fromkeys(ids, 64))
    return np.array([counts[id_].correct / counts[id_].total for id_ in ids])


def _plain(context: RunContext, ids: list[str], tokens: int) -> tuple[Any, int]:
    """Shares right of n fresh attempts a problem, n the largest whose tokens do not exceed the search's; and tokens spent."""
    problems, labels = _train_side(context)
    fresh = StoredRollouts(context, problems, labels)
    n, spent, counts = 0, 0, {}
    while True:
        before = context.meter.tokens
        drawn = fresh.draw(dict.fromkeys(ids, n + 1))
        cost = context.meter.tokens - before
        if spent + cost > tokens:
            return np.array([counts[id_].correct / counts[id_].total for id_ in ids]), spent
        n, spent, counts = n + 1, spent + cost, drawn


def _difference(one: Any, other: Any, truth: Any) -> tuple[float, float]:
    """95% interval of the difference of both correlations, by 2,000 resamples of problems."""
    rng, found = np.random.default_rng(0), []
    for _ in range(2000):
        rows = rng.integers(len(truth), size=len(truth))
        found.append(
            stats.spearmanr(one[rows], truth[rows]).statistic - stats.spearmanr(other[rows], truth[rows]).statistic
        )
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


if __name__ == "__main__":
    main()
