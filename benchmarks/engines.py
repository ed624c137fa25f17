"""What the engines deliver: useful tokens a second beside plain `generate`, and streams from servers of which some die.

(a) `transformers` on problems x 16 samples behind a few-shot prefix of about 300 tokens, beside `generate(num_return_sequences=16)` of the
same library on the same prompts; `llamacpp` beside it. Useful tokens are those of the answers. Needs the packaged model.
(b) `openai` on five stub servers, each a process of its own, of which one (20%) is killed in the middle. No peer: the bars are absolute.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.core.types import Problem, Request, Sampler
from assay.engines.llamacpp import Llamacpp
from assay.engines.openai import Openai
from assay.engines.transformers import Transformers
from benchmarks.claims import Claim, publish

MODEL = "smollm2-135m-instruct"
SAMPLES = 16
SHOTS = tuple(
    (f"Ann has {n} apples and buys {n + 3} more. How many has she now?", f"{n} + {n + 3} = {2 * n + 3}. The answer is {2 * n + 3}.")
    for n in range(2, 8)
)
SERVERS, KILLED = 5, 1


def main() -> None:
    """Runs what is asked for and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 problems in place of 64, 256 streams of 500 tokens in place of 2,048 of 2,000")
    parser.add_argument("--only", choices=("models", "servers"), help="one half")
    asked = parser.parse_args()
    claims: list[Claim] = []
    if asked.only != "models":
        claims += servers(*((256, 500, 2_000) if asked.quick else (2_048, 2_000, 10_000)))
    if asked.only != "servers":
        claims += models(8 if asked.quick else 64)
    publish("engines", claims)


def models(problems: int) -> list[Claim]:
    """Useful tokens a second of both local engines, and of plain generate."""
    sampler = Sampler(temperature=0.7, max_tokens=24, shots=SHOTS)
    found = [Problem.of(f"Tom has {n + 11} pens and gives {n % 7} away. How many are left?") for n in range(problems)]
    requests = [Request(each.id, sampler.render(each), sampler, tuple(range(SAMPLES)), 0) for each in found]
    engine = Transformers(MODEL, batch_size=64)
    list(engine.generate([Request(found[0].id, sampler.render(found[0]), sampler, (0,), 0)]))  # loads
    plain = _plain(engine, requests)
    engine._decoder.warm, engine._decoder.cache = (), None
    ours, llama = _pace(engine, requests), Llamacpp(MODEL, slots=SAMPLES)
    list(llama.generate([Request("warm", sampler.render(Problem.of("Hello")), sampler, (0,), 0)]))
    other, prompt = _pace(llama, requests), engine.count_tokens(requests[0])
    what = f"{problems} problems x {SAMPLES} samples, prompt of {prompt} tokens, beside generate(num_return_sequences={SAMPLES})"
    return [
        Claim(f"transformers engine, {what}", ours, plain, ours / plain, ">= 3", ours / plain >= 3, "useful tokens/s", n=problems, full_n=64),
        Claim(f"llamacpp engine, {what}", other, plain, other / plain, "none", True, "useful tokens/s", n=problems, full_n=64),
    ]


def _pace(engine: Transformers | Llamacpp, requests: list[Request]) -> float:
    began = time.monotonic()
    tokens = sum(rollout.tokens for group in engine.generate(requests) for rollout in group)
    return tokens / (time.monotonic() - began)


def _plain(engine: Transformers, requests: list[Request]) -> float:
    """The common way: one call a problem, the prompt computed once a sample."""
    import torch

    model, closing = engine._decoder.model, engine._tokenizer.eos_token_id
    began, tokens = time.monotonic(), 0
    for request in requests:
        prompt = torch.tensor([engine._prompt(request)])
        out = model.generate(prompt, do_sample=True, temperature=0.7, top_k=0, max_new_tokens=24, num_return_sequences=SAMPLES, pad_token_id=closing)
        for row in out[:, prompt.shape[1] :].tolist():
            tokens += row.index(closing) + 1 if closing in row else len(row)
    return tokens / (time.monotonic() - began)


def servers(streams: int, tokens: int, short: int) -> list[Claim]:
    """Long streams with a fifth of the servers killed, then short requests at concurrency 64."""
    asked, twice, growth_mib, failed = _killed(streams, tokens)
    with _stubs(1, 0.0) as (urls, _):
        engine = Openai("stub", urls=urls, concurrency=64)
        began = time.monotonic()
        came = sum(len(some) for some in engine.arrivals(_requests(short, 8)))
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
        Claim(f"openai, {short} short requests at concurrency 64, one stub server", pace, 500.0, pace / 500, ">= 1", pace >= 500, "requests/s"),
    ]


def _killed(streams: int, tokens: int) -> tuple[int, int, float, int]:
    """Streams asked for, samples begun a second time, growth of memory in MiB, samples that failed."""
    begun, failed, came, early = 0, 0, 0, 0
    with _stubs(SERVERS, 0.05) as (urls, processes):
        engine = Openai("stub", urls=urls, concurrency=64)
        _ = engine.policy
        told = Openai._told

        def counting(self: Openai, line: object, body: dict[str, object], url: str = "") -> object:
            nonlocal begun
            begun += body["max_tokens"] == tokens
            return told(self, line, body, url)  # type: ignore[arg-type]

        Openai._told = counting  # type: ignore[assignment,method-assign]
        for some in engine.arrivals(_requests(streams, tokens)):
            came += len(some)
            failed += sum(bool(rollout.fault) for rollout in some)
            if came >= streams // 4 and not early:
                early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                for process in processes[:KILLED]:
                    process.kill()
        Openai._told = told  # type: ignore[method-assign]
    return streams, begun - streams, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early) / 1024, failed


def _requests(count: int, tokens: int) -> Iterator[Request]:
    sampler = Sampler(max_tokens=tokens)
    for n in range(count):
        problem = Problem.of(f"What is {n} + 1?")
        yield Request(problem.id, sampler.render(problem), sampler, (0,), 0)


@contextmanager
def _stubs(count: int, pause_s: float) -> Iterator[tuple[tuple[str, ...], list[subprocess.Popen[bytes]]]]:
    """Stub servers in processes of their own, and their addresses."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / f"port{n}" for n in range(count)]
        processes = [subprocess.Popen([sys.executable, "-m", "benchmarks._stub", str(place), str(pause_s)]) for place in places]
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
