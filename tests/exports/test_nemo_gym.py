"""Rows of the Responses API, and a resources server."""

import ast

from assay.core.export_rows import ExportRow
from assay.exports.nemo_gym import NemoGym


def test_a_row_asks_for_a_response_and_names_its_agent(chosen: ExportRow) -> None:
    (row,) = NemoGym(server="sums").rows([chosen])
    assert row["responses_create_params"]["input"][-1] == {"role": "user", "content": "2 + 2? Think."}
    assert (row["expected_answer"], row["agent_ref"]["name"]) == ("4", "sums_simple_agent")
    assert row["record"]["assay_id"] == "id"


def test_the_folder_is_a_resources_server_whose_config_names_data_and_licence() -> None:
    files = NemoGym(server="sums", licence="Apache 2.0").files('my "sums"')
    assert "jsonl_fpath: resources_servers/sums/train.jsonl" in files["configs/sums.yaml"]
    assert "license: Apache 2.0" in files["configs/sums.yaml"]
    assert {node.name for node in ast.parse(files["app.py"]).body if isinstance(node, ast.ClassDef)} >= {
        "AssayResourcesServer",
        "AssayVerifyRequest",
    }
