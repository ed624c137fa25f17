import json
from collections import namedtuple

from assay.core.config import read_config
from assay.pipelines.data.sources import build_source

Reported = namedtuple("Reported", "config warned reporter")


class Collected(list):
    warn = list.append


def test_a_source_reads_beside_its_config_and_an_old_place_is_told_once(tmp_path, monkeypatch):
    (tmp_path / "plans").mkdir()
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "1 + 1?", "answer": "2"}) + "\n")
    plan = tmp_path / "plans" / "plan.toml"
    plan.write_text('[[source]]\ntype = "files"\npaths = "rows.jsonl"\n[policy]\nengine = "scripted"\n')
    monkeypatch.chdir(tmp_path)
    config = read_config(plan)
    context = Reported(config, set(), Collected())
    for _ in range(2):
        (row,) = build_source(context, config.source[0]).read()
    assert row[0].text == "1 + 1?"
    (told,) = context.reporter
    assert "'rows.jsonl' is read from the working directory" in told
    (tmp_path / "rows.jsonl").rename(tmp_path / "plans" / "rows.jsonl")
    assert build_source(context, config.source[0]).notices() == ()
    assert config.model_copy(update={"lake": "x"}).folder == str(tmp_path / "plans")
