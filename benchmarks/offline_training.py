"""What a step of `train sft` and of `train dpo` takes beside TRL's own trainer on the same tokens.

    python -m benchmarks.offline_training [--quick] [--kinds sft]

The bundled tiny model on rows of sums, 64 rows a step; a larger model makes our share smaller. Ours runs as the commands do: our order of rows,
checks of loss and weights, measurements into a real lake, one line a step. TRL's runs with the same arguments and logs each step. Blocks of both
alternate, each in a new trainer; of each block the first steps are left out. The ratio is of CPU seconds a step, in which other work on
the machine counts less; its interval is over pairs of blocks. Run with OMP_NUM_THREADS=1.
"""

import argparse
import math
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.export_rows import ChatTurn
from assay.core.training_rows import PairRow, TargetRow
from assay.core.types import Policy, SamplingConfig
from assay.engines.models.registry import find_checkpoint
from assay.pipelines.context.run import RunContext
from assay.pipelines.stages.train import LakeSink
from assay.stores.lake import Lake
from assay.training.dpo import train_dpo
from assay.training.offline.arguments import dpo_arguments, sft_arguments
from assay.training.offline.encode import RowEncoder
from assay.training.offline.settings import OfflineSettings
from assay.training.sft import train_sft
from assay.training.trainer.libraries import silence_libraries
from benchmarks.claims import Claim, publish

ROWS, PER_STEP, WARM = 512, 64, 3
BAR = 1.05
Ticks = list[tuple[float, float]]  # wall and CPU seconds at the end of each step


class TickingReporter(NullReporter):
    """Notes the time of each line, of which a step makes one."""

    def __init__(self) -> None:
        self.ticks: Ticks = []

    def say(self, text: str) -> None:
        if text.startswith("step "):
            self.ticks.append((time.perf_counter(), time.process_time()))


def main() -> None:
    """Measures, prints and writes the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 pairs of blocks of 15 steps in place of 12 of 40")
    parser.add_argument("--kinds", nargs="+", choices=("sft", "dpo"), default=["sft", "dpo"])
    asked = parser.parse_args()
    pairs, steps = (4, 15) if asked.quick else (12, 40)
    with tempfile.TemporaryDirectory() as folder:
        publish("offline_training", [beside_trl(Path(folder), kind, pairs, steps) for kind in asked.kinds])


def beside_trl(folder: Path, kind: str, pairs: int, steps: int) -> Claim:
    """CPU seconds a step beside TRL's, with the ratio's interval over pairs of blocks."""
    ways: dict[str, Callable[[Path], Ticks]] = {
        "ours": lambda place: our_steps(kind, place, steps),
        "trl": lambda place: trl_steps(kind, place, steps),
    }
    found: dict[str, list[float]] = defaultdict(list)
    walls: dict[str, list[float]] = defaultdict(list)
    for turn in range(pairs):
        for name in sorted(ways, reverse=bool(turn % 2)):
            ticks = ways[name](folder / f"{kind}-{name}-{turn}")[WARM:]
            wall, processor = (np.diff([tick[clock] for tick in ticks]) for clock in (0, 1))
            walls[name].append(float(np.median(wall)))
            found[name].append(float(processor.mean()))
    logs = np.log(found["ours"]) - np.log(found["trl"])
    half = stats.t.ppf(0.975, pairs - 1) * logs.std(ddof=1) / math.sqrt(pairs)
    ratio, low, high = (float(np.exp(each)) for each in (logs.mean(), logs.mean() - half, logs.mean() + half))
    wall = statistics.median(walls["ours"]) / statistics.median(walls["trl"])
    claim = (
        f"CPU seconds a step of train {kind} beside TRL's own trainer [{low:.3f}, {high:.3f}]; wall {wall:.2f} times"
    )
    ours, peer = statistics.median(found["ours"]), statistics.median(found["trl"])
    return Claim(claim, ours, peer, ratio, f"<= {BAR}", ratio <= BAR, "s", n=pairs * steps, full_n=480)


def prompt(a: int, b: int) -> tuple[ChatTurn, ...]:
    """A task of the tiny model."""
    return (ChatTurn(role="user", content=f"{a}+{b}="),)


def rows_of(kind: str) -> list[Any]:
    """512 sums of two digits, right answers, and wrong ones beside them."""
    numbers = np.random.default_rng(0).integers(10, 100, (ROWS, 2)).tolist()
    if kind == "sft":
        return [TargetRow(str(place), str(place), prompt(a, b), str(a + b)) for place, (a, b) in enumerate(numbers)]
    return [
        PairRow(str(place), str(place), prompt(a, b), str(a + b), str(a + b + 1))
        for place, (a, b) in enumerate(numbers)
    ]


def settings(kind: str, steps: int) -> OfflineSettings:
    """Of both sides."""
    loss = {"sft": "nll", "dpo": "sigmoid"}[kind]
    return OfflineSettings(
        steps=steps, rows_per_step=PER_STEP, learning_rate=1e-5, loss=loss, shuffle=False, save_every=0
    )


def our_steps(kind: str, place: Path, steps: int) -> Ticks:
    """The ends of our steps, as the command runs them."""
    reporter = TickingReporter()
    config = parse_config({"lake": str(place), "source": [{"type": "files", "paths": "none.jsonl"}]})
    with Lake(config.lake) as lake, RunContext(config, lake, reporter) as context:
        {"sft": train_sft, "dpo": train_dpo}[kind](
            rows_of(kind),
            checkpoint=find_checkpoint("tiny-arithmetic"),
            base=Policy("tiny", "0" * 16),
            sampler=SamplingConfig(max_tokens=8),
            judge=context.judge,
            sink=LakeSink(context, "benchmark"),
            settings=settings(kind, steps),
            output=place / "checkpoints",
            reporter=reporter,
        )
    return reporter.ticks


def trl_steps(kind: str, place: Path, steps: int) -> Ticks:
    """The ends of the steps of TRL's own trainer on the same tokens with the same arguments."""
    from datasets import Dataset
    from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import DPOTrainer, SFTTrainer

    ticks: Ticks = []

    class Tick(TrainerCallback):  # type: ignore[misc]
        def on_log(self, *_: Any, **__: Any) -> None:
            ticks.append((time.perf_counter(), time.process_time()))

    class Encoded(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

        def _get_train_sampler(self, dataset: Any = None) -> Any:
            import torch

            return torch.utils.data.SequentialSampler(self.train_dataset)

    checkpoint = find_checkpoint("tiny-arithmetic")
    encoder = RowEncoder(AutoTokenizer.from_pretrained(checkpoint), {})
    encode = {"sft": encoder.target, "dpo": encoder.pair}[kind]
    columns = {"sft": ("input_ids", "labels"), "dpo": ("prompt_ids", "chosen_ids", "rejected_ids")}[kind]
    rows = [{name: row[name] for name in columns} for row in map(encode, rows_of(kind))]
    arguments = {"sft": sft_arguments, "dpo": dpo_arguments}[kind](settings(kind, steps), place / "states", 1)
    with silence_libraries():
        trainer = {"sft": SFTTrainer, "dpo": Encoded}[kind](
            model=str(checkpoint),
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=encoder.tokenizer,
            callbacks=[Tick()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return ticks[:steps]


if __name__ == "__main__":
    main()
