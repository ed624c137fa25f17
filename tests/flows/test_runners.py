"""What is refused before anything starts, what loads Prefect, and who answers to whom."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.apps import assay_app
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.flow_config import FlowConfig
from assay.flows import runners

TREE = {"source": [{"type": "reasoning_gym", "task": "chain_sum", "size": 3}]}


def test_an_unknown_task_runner_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"flow\.runner.*'threads', 'processes' or 'ray'"):
        parse_config({**TREE, "flow": {"runner": "dask"}})


def test_a_cluster_that_the_runner_does_not_use_is_refused() -> None:
    with pytest.raises(
        ConfigError,
        match=r"ray_address = 'ray://head:10001' names a Ray cluster, but runner = 'threads' does not use one",
    ):
        parse_config({**TREE, "flow": {"ray_address": "ray://head:10001"}})


@pytest.mark.parametrize(
    ("runner", "module", "extra"),
    [("threads", "prefect", "flows"), ("ray", "ray", "ray"), ("ray", "prefect_ray", "ray")],
)
def test_a_missing_extra_is_refused_with_its_command(
    monkeypatch: pytest.MonkeyPatch, runner: str, module: str, extra: str
) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    monkeypatch.setitem(sys.modules, module, None)  # as where it is not installed
    with pytest.raises(ConfigError, match=rf"{module} is not installed: pip install 'assay-curation\[{extra}\]'"):
        runners.check_extras(FlowConfig(runner=runner))


REFUSED = {
    ("--set", "flow.runner=dask"): "flow.runner: input should be 'threads', 'processes' or 'ray'",
    ("--set", "flow.ray_address=ray://head:10001"): "runner = 'threads' does not use one",
    ("--set", "flow.workers=0"): "flow.workers",
    (): "prefect is not installed: pip install 'assay-curation[flows]'",
    ("--set", "flow.enabled=true"): "prefect is not installed",
}


@pytest.mark.parametrize("flags", REFUSED)
@pytest.mark.parametrize("command", ["curate run", "curate refresh", "train run", "train loop"])
def test_what_cannot_be_a_flow_is_one_line_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, flags: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "prefect", None)  # as where it is not installed
    (tmp_path / "plan.toml").write_text(
        '[[source]]\ntype = "reasoning_gym"\ngenerator = "chain_sum"\nsize = 3\n[split]\nheld_out = 1\n'
        '[policy]\nmodel = "tiny-arithmetic"\nengine = "transformers"\n'
    )
    asked = () if "flow.enabled=true" in flags else ("--flow",)
    ran = CliRunner().invoke(
        assay_app, [*command.split(), str(tmp_path / "plan.toml"), "--lake", str(tmp_path / "lake"), *asked, *flags]
    )
    assert ran.exit_code == 2, ran.output
    assert REFUSED[flags] in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "lake").exists()


def test_a_plain_run_imports_neither_prefect_nor_ray(tmp_path: Path) -> None:
    config = '[[source]]\ntype = "files"\npaths = "{}/sums.jsonl"\n[policy]\nmodel = "scripted"\nengine = "scripted"\n[embed]\nencoder = "tfidf"\n'
    (tmp_path / "sums.jsonl").write_text(
        "".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(9))
    )
    (tmp_path / "plan.toml").write_text(config.format(tmp_path))
    code = (
        "import contextlib, json, runpy, sys\n"
        f"sys.argv = ['assay', 'curate', 'run', {str(tmp_path / 'plan.toml')!r}, '--lake', {str(tmp_path / 'lake')!r}]\n"
        "with contextlib.suppress(SystemExit): runpy.run_module('assay', run_name='__main__')\n"
        "print(json.dumps(sorted({each.partition('.')[0] for each in sys.modules})))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    assert "next: train run" in ran.stdout
    assert not {"prefect", "ray", "prefect_ray"} & loaded
    assert "duckdb" in loaded


def test_flows_load_prefect_only_when_one_is_asked_for() -> None:
    code = "import sys, assay.flows.curate, assay.flows.train, assay.flows.refresh, assay.flows.rounds; print('prefect' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
        == "False\n"
    )


@pytest.mark.parametrize("name", ["curate", "train", "refresh", "rounds"])
def test_a_flow_is_loaded_by_module_and_name_and_its_parameters_have_types(name: str) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(f"assay.flows.{name}.{name}")
    assert (flow.name, flow._entrypoint) == (name, f"assay.flows.{name}:{name}")
    told = {
        key: (each.get("type") or [kind["type"] for kind in each["anyOf"]], each.get("default"))
        for key, each in flow.parameters.properties.items()
    }
    assert told == {"config": ("string", None), "lake": (["string", "null"], None), "overrides": ("array", [])}
    assert flow.parameters.required == ["config"]


def test_each_pause_before_a_retry_is_twice_the_last() -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    from assay.flows.prefect_adapter import as_task

    made = as_task(lambda: None, "score", FlowConfig(retries=3, backoff_s=5))
    assert (made.retries, made.retry_delay_seconds) == (3, [5, 10, 20])
    assert as_task(lambda: None, "score", FlowConfig(retries=0)).retries == 0


def test_only_what_an_engine_failed_at_is_tried_again() -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    from prefect.states import Completed, Failed

    from assay.core.errors import EngineError, LakeError
    from assay.flows.prefect_adapter import _engine_failed

    told = [
        _engine_failed(None, None, state)
        for state in (Failed(data=EngineError("gone")), Failed(data=LakeError("full")), Completed(data=None))
    ]
    assert told == [True, False, False]
