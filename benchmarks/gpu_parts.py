"""What only a GPU can tell, in parts that each leave a file: `benchmarks/gpu/all.sh` runs them in turn, and a part whose file is there is skipped.

    python -m benchmarks.gpu_parts PART --work .assay/gpu [--tiny] [--cpu] [--seconds 100]

`scoring`: tokens per second of the engine `transformers` over reasoning-gym problems. `clusters`: the policy's hidden states as vectors, and
k-means over them by torch. `uniform`, `oracle`, `enough`: GRPO by TRL steps on a mixture of generators at batch 256 until the seconds are over,
held-out accuracy by samples; the oracle's 4 attempts at every problem are free, those of `enough` are charged. `--tiny` takes the bundled model
and sizes of a test.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assay.core.config import read_config
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.types import Label, Problem, Request, SamplingConfig
from assay.engines.models import registry
from assay.training.held_out.attempts import HeldOutSet, SampleCompletions
from assay.training.trainer.run_record import RunRecord
from assay.verifiers.pool.grader import Grader
from benchmarks._choosing_pool import TaskPool
from benchmarks._choosing_run import Arm, CurveSink, Setup, chosen, known_before, trained
from benchmarks._curriculum_pool import GYM, ROOT

ARMS = {
    "uniform": Arm(settings={"passes": 50}),
    "oracle": Arm(settings={"passes": 50}, scored=4),
    "enough": Arm(settings={"passes": 50}, enough=200),
}
PARTS = ("scoring", "clusters", *ARMS)


@dataclass(frozen=True)
class Sizes:
    """How much a part does."""

    model: str = "smollm2-135m-instruct"
    each: int = 250  # problems per generator to train on
    held_out: int = 25  # per generator
    scored: int = 512  # prompts of the part `scoring`
    samples: int = 8
    groups: int = 32  # of 8: batch 256
    enough: int = 200
    max_tokens: int = 32
    seconds: float = 100.0  # of one training


TINY = Sizes("tiny-arithmetic", each=4, held_out=1, scored=8, samples=2, groups=2, enough=2, max_tokens=8, seconds=1.0)


@dataclass
class SecondsSink(CurveSink):
    """A curve that ends when its seconds are over; measuring is not accounted."""

    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)
    measuring: float = 0.0

    @property
    def spent(self) -> float:
        """Seconds so far, without measuring."""
        return time.monotonic() - self.began - self.measuring

    @property
    def over(self) -> bool:
        """Whether the seconds are spent."""
        return self.spent >= self.seconds


@dataclass(frozen=True)
class Sampled(HeldOutSet):
    """Held-out problems attempted before the first update, now and then, and at the end."""

    curve: SecondsSink = field(kw_only=True)

    def evaluate(self, recorder: RunRecord, step: int, sample: SampleCompletions) -> dict[str, float]:
        """Add a point to the curve."""
        curve = self.curve
        due = curve.points[-1]["seconds"] + curve.seconds / 4 if curve.points else 0.0
        if curve.spent < due and not curve.over:
            return {}
        began, spent = time.monotonic(), curve.spent
        curve.sampled = []
        HeldOutSet(self.problems, self.labels, self.samples).evaluate(recorder, step, sample)
        right, curve.sampled = curve.sampled, None
        curve.measuring += time.monotonic() - began
        paid = {"rollouts": curve.rollouts, "tokens": curve.tokens, "mixed": curve.mixed, "groups": curve.groups}
        curve.points.append({"step": step, "seconds": spent, **paid, "held_out": sum(right) / len(right)})
        return {}


def main() -> None:
    """Run one part, unless its file is there, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--work", type=Path, default=Path(".assay/gpu"), help="folder of the parts' files")
    parser.add_argument("--tiny", action="store_true", help="the bundled model and sizes of a test")
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    parser.add_argument("--seconds", type=float, default=0.0, help="of one training; 0 = 100, or 1 with --tiny")
    given = parser.parse_args()
    place = given.work / f"{given.part}.json"
    if place.is_file():
        print(f"{given.part}: done already, {place}")
        return
    import torch

    if not given.cpu and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU; --cpu runs the same on the CPU")
    sizes = TINY if given.tiny else Sizes()
    sizes = replace(sizes, seconds=given.seconds or sizes.seconds)
    began = time.monotonic()
    found = {"scoring": scoring, "clusters": clusters}.get(given.part, lambda *rest: training(given.part, *rest))(
        sizes, "cpu" if given.cpu else "cuda"
    )
    device = "cpu" if given.cpu else torch.cuda.get_device_name()
    row = {
        "part": given.part,
        "device": device,
        "torch": torch.__version__,
        "wall_seconds": time.monotonic() - began,
        **found,
    }
    given.work.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".part")
    draft.write_text(json.dumps(row, indent=1) + "\n")
    draft.rename(place)
    print(json.dumps({name: value for name, value in row.items() if name != "points"}), flush=True)


def sampler_of(sizes: Sizes) -> SamplingConfig:
    """How the model is asked: the bundled one by the problem alone, a language model as the quickstart asks it, at temperature 1."""
    if sizes.model == "tiny-arithmetic":
        return SamplingConfig(max_tokens=sizes.max_tokens)
    asked = read_config(ROOT / "configs" / "quickstart.toml").policy.sampler
    return replace(asked, max_tokens=sizes.max_tokens, temperature=1.0, top_p=1.0)


def pool_of(sizes: Sizes) -> TaskPool:
    """The mixture of generators of `curriculum_study`; what is measured is drawn with the rest and never trained on."""
    sides: list[tuple[dict[str, Problem], dict[str, Label]]] = [({}, {}), ({}, {})]
    tasks = {}
    for place, (name, (generator, config)) in enumerate(GYM.items()):
        size = sizes.each + sizes.held_out
        source = build_part(
            "source",
            "reasoning_gym",
            {"generator": generator, "size": size, "seed": 10_000 * place, "config": config, "name": name},
        )
        rows = [row for row in source.read() if isinstance(row, tuple)]
        for number, (problem, label) in enumerate(rows):
            problems, labels = sides[number < sizes.held_out]
            if all(problem.id not in known for known, _ in sides):
                problems[problem.id], labels[problem.id], tasks[problem.id] = problem, label, name
    (problems, labels), (held_out, golds) = sides
    return TaskPool(
        problems, labels, dict.fromkeys(problems, 1), {id_: tasks[id_] for id_ in problems}, held_out, golds
    )


def scoring(sizes: Sizes, device: str) -> dict[str, Any]:
    """Tokens per second of the engine that scores, without loading."""
    pool, sampler = pool_of(sizes), sampler_of(sizes)
    engine = build_part("engine", "transformers", {"model": sizes.model, "batch_size": 256, "device": device})
    problems = list(pool.problems.values())[: sizes.scored]
    list(engine.generate([Request(problems[0].id, sampler.render(problems[0]), sampler, (0,), 1)]))  # loads the model
    requests = [Request(p.id, sampler.render(p), sampler, tuple(range(sizes.samples)), 0) for p in problems]
    began = time.monotonic()
    rollouts = [rollout for group in engine.generate(requests) for rollout in group]
    seconds = time.monotonic() - began
    tokens = sum(rollout.tokens for rollout in rollouts)
    return {"rollouts": len(rollouts), "tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds}


def clusters(sizes: Sizes, device: str) -> dict[str, Any]:
    """Texts per second of the policy as an encoder, and seconds of k-means over 50 copies of the vectors with noise."""
    import torch
    import transformers

    texts = [problem.text for problem in pool_of(sizes).problems.values()]
    folder = registry.find_checkpoint(sizes.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = transformers.AutoModel.from_pretrained(folder).to(device).eval()
    began, rows = time.monotonic(), []
    with torch.inference_mode():
        for start in range(0, len(texts), 256):
            batch = tokenizer(texts[start : start + 256], return_tensors="pt", padding=True, padding_side="right").to(
                device
            )
            states, mask = (
                model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state,
                batch["attention_mask"][..., None],
            )
            rows.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).float())
    vectors = torch.cat(rows)
    encoded = len(texts) / (time.monotonic() - began)
    generator = torch.Generator(device=device).manual_seed(0)
    many = vectors.repeat(50, 1)
    many = torch.nn.functional.normalize(
        many + 0.02 * torch.randn(many.shape, device=device, generator=generator), dim=-1
    )
    k = min(64, len(texts) // 2)
    began = time.monotonic()
    assigned, similarity = spherical_kmeans(many, k)
    seconds = time.monotonic() - began
    return {
        "texts_per_second": encoded,
        "rows": len(many),
        "k": k,
        "kmeans_seconds": seconds,
        "similarity": similarity,
        "clusters": len(assigned.unique()),
    }


def spherical_kmeans(vectors: Any, k: int, iterations: int = 10, seed: int = 0) -> tuple[Any, float]:
    """K-means by cosine with torch, started by k-means++: each unit row's cluster, and the mean cosine to its centroid."""
    import torch

    chance = torch.Generator(device=vectors.device).manual_seed(seed)
    first = torch.randint(len(vectors), (1,), generator=chance, device=vectors.device)
    centroids, far = vectors[first], torch.ones(len(vectors), device=vectors.device)
    for _ in range(k - 1):
        far = torch.minimum(far, (1 - vectors @ centroids[-1]).clamp_min(1e-9))
        centroids = torch.cat([centroids, vectors[torch.multinomial(far, 1, generator=chance)]])
    for _ in range(iterations):
        assigned = (vectors @ centroids.T).argmax(1)
        sums = torch.zeros_like(centroids).index_add_(0, assigned, vectors)
        norms = sums.norm(dim=1, keepdim=True)
        centroids = torch.where(norms > 0, sums / norms.clamp_min(1e-12), centroids)
    best = (vectors @ centroids.T).max(1)
    return best.indices, float(best.values.mean())


def training(name: str, sizes: Sizes, device: str) -> dict[str, Any]:
    """One training of an arm: its curve by seconds, rollouts and tokens."""
    arm = replace(ARMS[name], enough=sizes.enough if ARMS[name].enough else 0)
    revision = registry.identify_policy(sizes.model).revision
    setup = Setup(sizes.model, revision, 1.0, groups=sizes.groups, learning_rate=1e-5, warmup=5)
    pool, sampler = pool_of(sizes), sampler_of(sizes)
    curve = SecondsSink(setup, alive=set(pool.problems), seconds=sizes.seconds)
    with Grader(workers=2) as grader, tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        columns = known_before(arm, 0, setup, pool, grader, curve, sampler)
        if arm.scored:  # the oracle's knowledge is free
            curve.rollouts = curve.tokens = curve.alive_rollouts = 0
            curve.began = time.monotonic()
        before = {"rollouts": curve.rollouts, "seconds": curve.spent, "kept": len(columns.get("id", pool.problems))}
        ids = columns["id"] if columns else sorted(pool.problems)
        curriculum, online = chosen(arm, derive_seed("gpu", 0), pool, ids or sorted(pool.problems), columns)
        curve.seconds += curve.spent if arm.enough else 0.0  # as long a training as the others, its attempts beside it
        held_out = Sampled(pool.held_out, pool.golds, 4, curve=curve)
        trained(setup, 0, pool, curriculum, online, grader, curve, Path(folder), sampler, held_out)
    last = curve.points[-1]
    return {
        "problems": len(pool.problems),
        "before": before,
        "points": curve.points,
        "steps": last["step"],
        "seconds_per_step": (last["seconds"] - before["seconds"]) / max(1, last["step"]),
        "mixed": last["mixed"] / max(1, last["groups"]),
        "held_out": [curve.points[0]["held_out"], last["held_out"]],
    }


if __name__ == "__main__":
    main()
