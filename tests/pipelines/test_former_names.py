"""A config under the names that settings had at f4c285c8 leads to the keys that it had there: nothing is done anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_stored_config
from assay.core.identity import content_id
from assay.core.setting_names import BY_NAME, RENAMES, find_old_keys
from assay.pipelines.context.run import RunContext
from assay.pipelines.loop.rounds import Round
from assay.pipelines.runner.stages import plan_training, run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.pipelines.stages.sft import Sft
from assay.pipelines.stages.train import training_settings
from assay.stores.lake import Lake

FORMER: dict[str, Any] = {  # no renamed setting has its default
    "seed": 3,
    "lake": "lake",
    "source": [{"part": "files", "paths": "sums.jsonl", "verifier": "numeric"}],
    "clean": {
        "filters": ["language", "overlong", "near", "semantic", "contaminated", "guessable", "clear"],
        "settings": {
            "clear": {"samples": 3, "correct": 0.9, "doubt": 0.7, "votes": 2},
            "contaminated": {
                "words": 9,
                "coverage": 0.5,
                "near": 0.6,
                "semantic": 0.95,
                "against": [{"part": "files", "paths": "test.jsonl", "verifier": "numeric"}],
            },
            "guessable": {"samples": 2, "at_least": 0.9, "modal": 0.4, "modal_rows": 30},
            "language": {"unknown": False, "keep": ["en", "de"]},
            "near": {"words": 4},
            "overlong": {"tokens": 900},
            "semantic": {"respect": "numbers", "overlap": 0.1, "threshold": 0.9},
        },
    },
    "split": {"held_out": 8},
    "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
    "score": {"n": 4, "truncated": "wrong"},
    "embed": {"encoder": "tfidf", "clusters": 3},
    "select": {"selector": "composed", "budget": 10, "steps": [{"selector": "dart", "settings": {"most": 7}}]},
    "arrange": {"curriculum": "bins", "by": ["mean"], "levels": 3, "floor": 0.1},
    "synthesize": {
        "methods": ["dart"],
        "settings": {
            "dart": {
                "rule": "uniform",
                "answers": 3,
                "answers_hardest": 5,
                "trials": 6,
                "max_trials": 7,
                "batch": 8,
                "level": "topic",
            }
        },
    },
    "train": {
        "model": "tiny-arithmetic",
        "steps": 3,
        "group_size": 4,
        "groups": 2,
        "micro_batch": 2,
        "warmup": 1,
        "learning_rate_end": 0.5,
        "beta": 0.1,
        "beta_rule": "rising",
        "beta_least": 0.01,
        "relift": 2,
        "average": 0.2,
        "mask_truncated": True,
        "demonstration": "It is {answer}",
        "teacher": {
            "engine": "scripted",
            "model": "t",
            "share": 0.3,
            "share_last": 0.2,
            "length": 5,
            "off_after": 4,
            "need": "failed",
            "go_on": True,
            "gold": True,
            "if_gone": "go_on",
        },
    },
    "sft": {"warmup": 2, "learning_rate_end": 0.3, "micro_batch": 4},
    "loop": {"kinds": ["sft", "grpo"], "window": 5, "width": 0.3, "share": 0.4, "share_unsolved": 0.2},
}
KEYS = {  # of f4c285c8
    "ingest": "5a2da80b034d0b1c477f4ef3",
    "clean": "ba8bc9b76fb13e81108a7f9f",
    "split": "703ce3a81fa4e6a15828e2c1+72f1b581e8101199eb571c92",
    "score": "9e9f14c08184d9a162e745b3+10c1ccfa7f48a9835db8c4e2",
    "embed": "f537dbde58ae69780eb17a05",
    "select": "4ac276bef8c1afc9204a83b2",
    "order": "ba79acf23dbcb45b222e538e",
    "synthesize": "d98cd43927f10431c24e3407",
    "train": "7d49fbd2640943e5b9909613",
    "sft": "391f72b325ab1e35b6a0eb3f",
    "round 1": "9593fce40da20508ea918ba7",
    "round 2": "0b8989808adedabe207052f7",
    "settings of train": "3311c912e9663e34603baf04",
    "settings of sft": "d2d0e529d024b877d5e970f0",
}


def test_the_config_holds_every_former_name_of_filters_methods_training_and_loop() -> None:
    by_part = {
        f"{table}.{part}.{rename.old}" for table in BY_NAME for rename in RENAMES[table] for part in rename.parts
    }
    by_table = {
        f"{table}.{rename.old}" for table in ("train", "train.teacher", "sft", "loop") for rename in RENAMES[table]
    }
    assert by_part | by_table <= {key.path[0] for key in find_old_keys(FORMER)}


def test_stages_trainings_and_rounds_have_the_keys_that_they_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.chdir(tmp_path)  # paths of the config are part of the keys
    sums = [{"prompt": f"How much is it when you add {n} + {n % 7}?", "answer": str(n + n % 7)} for n in range(10, 50)]
    Path("sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    benchmark = {"prompt": "How many days has a week of seven days?", "answer": "7"}
    Path("test.jsonl").write_text(json.dumps(benchmark) + "\n")
    config = parse_stored_config(FORMER)
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        results = run_stages(context)
        keys = {result.stage: str(result.key) for result in results}
        (synthesis,) = run_synthesis(context)
        keys["synthesize"] = str(synthesis.key)
        sft = plan_training(context, "sft")
        assert isinstance(sft, Sft)
        keys |= {"train": str(plan_training(context).key), "sft": str(sft.key)}
        keys |= {f"round {n}": str(Round(n, context, results).key("curate")) for n in (1, 2)}
        keys["settings of train"] = content_id("settings", training_settings(config).decisive)
        keys["settings of sft"] = content_id("settings", sft.settings().decisive)
    assert keys == KEYS
