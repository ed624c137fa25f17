"""What the engines deliver: useful tokens a second beside plain `generate`, and streams from servers of which some die.

(models) `transformers` on problems x 16 samples behind a few-shot prefix of about 300 tokens, beside `generate(num_return_sequences=16)` of
the same library on the same prompts; `llamacpp` beside it. Useful tokens are those of the answers. Plain `generate` takes about as long for
each problem as for any other, so it is measured on a few of them. Needs the packaged model.
(servers) `openai` on five stub servers, each a process of its own, of which one (20%) is killed in the middle. No peer: the bars are absolute.
(vllm) `vllm` beside a plain `LLM.generate` of the same instance on the same requests, taking turns; greedy tokens beside `transformers`. With
--quick nothing is compiled, on either side. Runs where vLLM is installed: `make test-vllm`, then
`PYTHONPATH=src .venv-vllm/bin/python -m benchmarks.engines --only vllm`.

Each part writes a file of its own, `results/engines_PART.json`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.llamacpp import Llamacpp
from assay.engines.openai.engine import Openai
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm
from benchmarks.claims import Claim, publish

MODEL = "smollm2-135m-instruct"
SAMPLES, CAP = 16, 24
SHOTS = tuple(
    (
        f"Ann has {n} apples and buys {n + 3} more. How many has she now?",
        f"{n} + {n + 3} = {2 * n + 3}. The answer is {2 * n + 3}.",
    )
    for n in range(2, 8)
)
SERVERS, KILLED = 5, 1
PARTS = ("servers", "models", "vllm")


def main() -> None:
    """Runs what is asked for and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="8 problems in place of 64, 256 streams of 500 tokens in place of 2,048 of 2,000",
    )
    parser.add_argument("--only", choices=PARTS, help="one part; without it, servers and models")
    asked = parser.parse_args()
    if asked.only in (None, "servers"):
        publish("engines_servers", servers(*((256, 500, 2_000) if asked.quick else (2_048, 2_000, 10_000))))
    if asked.only in (None, "models"):
        publish("engines_models", models(*((8, 2) if asked.quick else (64, 4))))
    if asked.only == "vllm":
        publish("engines_vllm", vllm(*((4, 2) if asked.quick else (32, 3)), eager=asked.quick))


def models(problems: int, peers: int) -> list[Claim]:
    """Useful tokens a second of both local engines, and of plain generate."""
    requests = _asked(problems, SAMPLES)
    engine = Transformers(MODEL, batch_size=64)
    list(engine.generate(_asked(1, 1)))  # loads
    plain = _plain(engine, requests[:: problems // peers])
    engine._decoder.prefix, engine._decoder.cache = (), None
    ours, llama = _pace(engine, requests), Llamacpp(MODEL, slots=SAMPLES)
    engine.close()
    list(llama.generate(_asked(1, 1, question="Hello")))
    other, prompt = _pace(llama, requests), llama.count_tokens(requests[0])
    what = f"{problems} problems x {SAMPLES} samples, prompt of {prompt} tokens, beside generate(num_return_sequences={SAMPLES}) on {peers} of them"
    return [
        Claim(
            f"transformers engine, {what}",
            ours,
            plain,
            ours / plain,
            ">= 3",
            ours / plain >= 3,
            "useful tokens/s",
            n=problems,
            full_n=64,
        ),
        Claim(
            f"llamacpp engine, {what}",
            other,
            plain,
            other / plain,
            "none",
            True,
            "useful tokens/s",
            n=problems,
            full_n=64,
        ),
    ]


def _asked(problems: int, samples: int, *, question: str = "", **sampler: Any) -> list[Request]:
    how = SamplingConfig(**{"temperature": 0.7, "max_tokens": CAP, "shots": SHOTS, **sampler})
    found = [
        Problem.of(question or f"Tom has {n + 11} pens and gives {n % 7} away. How many are left?")
        for n in range(problems)
    ]
    return [Request(each.id, how.render(each), how, tuple(range(samples)), 0) for each in found]


def _pace(engine: Transformers | Llamacpp | Vllm, requests: list[Request]) -> float:
    began = time.monotonic()
    tokens = sum(rollout.tokens for group in engine.generate(requests) for rollout in group)
    return tokens / (time.monotonic() - began)


def _plain(engine: Transformers, requests: list[Request]) -> float:
    """The common way: one call a problem, the prompt computed once a sample."""
    import torch

    model, closing = engine._decoder.model, engine._tokenizer.eos_token_id
    began, tokens = time.monotonic(), 0
    for request in requests:
        prompt = torch.tensor([engine._encode_prompt(request)])
        out = model.generate(
            prompt,
            do_sample=True,
            temperature=0.7,
            top_k=0,
            max_new_tokens=CAP,
            num_return_sequences=SAMPLES,
            pad_token_id=closing,
        )
        for row in out[:, prompt.shape[1] :].tolist():
            tokens += row.index(closing) + 1 if closing in row else len(row)
    return tokens / (time.monotonic() - began)


def vllm(problems: int, turns: int, *, eager: bool) -> list[Claim]:
    """Tokens a second of our engine and of plain LLM.generate, the mean of some turns each; greedy tokens beside transformers."""
    requests, engine = _asked(problems, SAMPLES), Vllm(MODEL, context=1024, memory=0.3, dtype="float32", eager=eager)
    list(engine.generate(_asked(2, 4, question="Hello")))  # loads and warms
    list(_bare(engine, _asked(2, 4, question="Hello")))
    ours, plain = 0.0, 0.0
    for _ in range(turns):
        for bare in (True, False):
            engine._llm.reset_prefix_cache()
            began = time.monotonic()
            groups = (
                _bare(engine, requests)
                if bare
                else [[each.tokens for each in group] for group in engine.generate(requests)]
            )
            pace = sum(map(sum, groups)) / (time.monotonic() - began)
            print(f"{'plain' if bare else 'ours'}: {pace:.1f} tokens/s", file=sys.stderr)
            ours, plain = ours + (0 if bare else pace / turns), plain + (pace / turns if bare else 0)
    greedy = _asked(32, 1, temperature=0.0, max_tokens=32, shots=())
    found = [group[0].text for group in engine.generate(greedy)]
    engine.close()
    reference = Transformers(MODEL, batch_size=32)
    ids = [
        [reference._tokenizer(text)["input_ids"] for text in (a, b[0].text)]
        for a, b in zip(found, reference.generate(greedy), strict=True)
    ]
    alike, whole = _alike(ids)
    what = f"{problems} problems x {SAMPLES} samples, cap {CAP}, float32{', nothing compiled' if eager else ''}"
    return [
        Claim(
            f"vllm engine, {what}, beside LLM.generate(n={SAMPLES})",
            ours,
            plain,
            ours / plain,
            ">= .97",
            ours / plain >= 0.97,
            "tokens/s",
        ),
        Claim(
            "32 greedy answers of up to 32 tokens: tokens up to the first that differs from transformers'",
            alike,
            whole,
            alike / whole,
            "none",
            True,
            "tokens",
        ),
    ]


def _bare(engine: Vllm, requests: list[Request]) -> list[list[int]]:
    """Plain LLM.generate: tokens of each sample of each request."""
    from vllm import SamplingParams

    how = SamplingParams(temperature=0.7, max_tokens=CAP, n=len(requests[0].samples))
    prompts = [{"prompt_token_ids": engine._encode_prompt(request)} for request in requests]
    outputs = engine._llm.generate(prompts, how, use_tqdm=False)
    return [[len(each.token_ids) for each in output.outputs] for output in outputs]


def _alike(pairs: Sequence[Sequence[Sequence[int]]]) -> tuple[int, int]:
    """Tokens before the first difference, and tokens of the reference."""
    agreed = sum(
        next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
        for ours, theirs in pairs
    )
    return agreed, sum(len(theirs) for _, theirs in pairs)


def servers(streams: int, tokens: int, short: int) -> list[Claim]:
    """Long streams with a fifth of the servers killed, then short requests at concurrency 64."""
    asked, twice, growth_mib, failed = _killed(streams, tokens)
    with _stubs(1, 0.0) as (urls, _):
        engine = Openai("stub", urls=urls, concurrency=64)
        began = time.monotonic()
        came = sum(len(some) for some in engine.stream(_requests(short, 8)))
        pace = came / (time.monotonic() - began)
    flying = 64 * KILLED
    return [
        Claim(
            f"openai, {streams} streams of {tokens} tokens, {KILLED} of {SERVERS} servers killed: samples paid twice, beside those in flight there",
            twice,
            flying,
            twice / flying,
            "<= 1",
            twice <= flying,
            "samples",
            n=asked,
        ),
        Claim("the same: samples that never came", failed, streams, failed / streams, "<= 0", failed == 0, "samples"),
        Claim(
            "the same: growth of peak memory between the first quarter and the end",
            growth_mib,
            32.0,
            growth_mib / 32,
            "<= 1",
            growth_mib <= 32,
            "MiB",
        ),
        Claim(
            f"openai, {short} short requests at concurrency 64, one stub server",
            pace,
            500.0,
            pace / 500,
            ">= 1",
            pace >= 500,
            "requests/s",
        ),
    ]


def _killed(streams: int, tokens: int) -> tuple[int, int, float, int]:
    """Streams asked for, samples begun a second time, growth of memory in MiB, samples that failed."""
    begun, failed, came, early = 0, 0, 0, 0
    with _stubs(SERVERS, 0.05) as (urls, processes):
        engine = Openai("stub", urls=urls, concurrency=64)
        _ = engine.policy
        told = Openai._complete

        def counting(self: Openai, line: object, body: dict[str, object], url: str = "") -> object:
            nonlocal begun
            begun += body["max_tokens"] == tokens
            return told(self, line, body, url)  # type: ignore[arg-type]

        Openai._complete = counting  # type: ignore[assignment,method-assign]
        for some in engine.stream(_requests(streams, tokens)):
            came += len(some)
            failed += sum(bool(rollout.fault) for rollout in some)
            if came >= streams // 4 and not early:
                early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                for process in processes[:KILLED]:
                    process.kill()
        Openai._complete = told  # type: ignore[method-assign]
    return streams, begun - streams, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early) / 1024, failed


def _requests(count: int, tokens: int) -> Iterator[Request]:
    sampler = SamplingConfig(max_tokens=tokens)
    for n in range(count):
        problem = Problem.of(f"What is {n} + 1?")
        yield Request(problem.id, sampler.render(problem), sampler, (0,), 0)


@contextmanager
def _stubs(count: int, pause_s: float) -> Iterator[tuple[tuple[str, ...], list[subprocess.Popen[bytes]]]]:
    """Stub servers in processes of their own, and their addresses."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / f"port{n}" for n in range(count)]
        processes = [
            subprocess.Popen([sys.executable, "-m", "benchmarks._stub", str(place), str(pause_s)]) for place in places
        ]
        try:
            while not all(place.exists() and place.read_text() for place in places):
                time.sleep(0.05)
            yield tuple(f"http://127.0.0.1:{place.read_text()}/v1" for place in places), processes
        finally:
            for process in processes:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
