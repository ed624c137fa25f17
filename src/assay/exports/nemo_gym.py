"""`nemo_gym`: JSON lines with `responses_create_params`, and a resources server that verifies; for NeMo RL too."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

REWARD = '''"""Reward of this data set for NeMo Gym: the verifier that measured its pass rates. Settings lie in reward.json."""

from assay.integrations.nemo_gym import verify_response
from assay.integrations.reward import load_reward

REWARD = load_reward(__file__)


async def verify(record, response):
    """Return {reward, outcome, extracted_answer} of a response in the form of the Responses API."""
    return await verify_response(REWARD, record, response)
'''
SERVER = '''"""Resources server: verifies responses with the reward beside it."""

from typing import Any

from nemo_gym.base_resources_server import BaseResourcesServerConfig, BaseRunRequest, BaseVerifyRequest, BaseVerifyResponse, SimpleResourcesServer
from reward import verify


class AssayResourcesServerConfig(BaseResourcesServerConfig):
    """The server has no settings of its own."""


class AssayRunRequest(BaseRunRequest):
    """A row of the data."""

    expected_answer: str
    record: dict[str, Any]


class AssayVerifyRequest(AssayRunRequest, BaseVerifyRequest):
    """A row and the response to it."""


class AssayVerifyResponse(BaseVerifyResponse):
    """The verdict."""

    outcome: str
    extracted_answer: str


class AssayResourcesServer(SimpleResourcesServer):
    """Verify one response at a time."""

    config: AssayResourcesServerConfig

    async def verify(self, body: AssayVerifyRequest) -> AssayVerifyResponse:
        """Return the verdict on a response."""
        return AssayVerifyResponse(**body.model_dump(), **await verify(body.record, body.response.model_dump()))


if "__main__" == __name__:
    AssayResourcesServer.run_webserver()
'''
CONFIG = """{server}:
  resources_servers:
    {server}:
      entrypoint: app.py
      domain: {domain}
      verified: false
      description: "{name}: the verifier that measured its pass rates"
{agent}:
  responses_api_agents:
    simple_agent:
      entrypoint: app.py
      resources_server:
        type: resources_servers
        name: {server}
      model_server:
        type: responses_api_models
        name: policy_model
      datasets:
      - name: train
        type: train
        jsonl_fpath: resources_servers/{server}/train.jsonl
        license: {licence}
"""


@dataclass(frozen=True)
class NemoGym:
    """One line per place of the curriculum; the folder is a resources server, to be laid into `resources_servers/`."""

    server: str = "assay_tasks"  # name of the resources server and of its folder
    domain: str = "math"
    licence: str = "TBD"  # of the data; NeMo Gym wants one from its list for data to train on

    suffix: ClassVar[str] = "jsonl"

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "responses_create_params": {"input": [dict(turn) for turn in row.prompt]},
                "expected_answer": row.answer,
                "agent_ref": {"type": "responses_api_agents", "name": f"{self.server}_simple_agent"},
                "record": row.record(),
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the commands that lay the folder into a checkout of NeMo Gym and collect rollouts."""
        folder = Path(file).parent
        return (
            f"cp -r {folder} resources_servers/{self.server}\n"
            f'ng_run "+config_paths=[resources_servers/{self.server}/configs/{self.server}.yaml,'
            'responses_api_models/vllm_model/configs/vllm_model.yaml]"\n'
            f"# NeMo RL: data.train.data_path=resources_servers/{self.server}/train.jsonl with its NemoGymDataset\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the server, its config and its reward."""
        config = CONFIG.format(
            server=self.server,
            agent=f"{self.server}_simple_agent",
            domain=self.domain,
            name=name.replace('"', "'"),
            licence=self.licence,
        )
        return {
            "app.py": SERVER,
            "reward.py": REWARD,
            "requirements.txt": "assay-curation\n",
            f"configs/{self.server}.yaml": config,
        }

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts, verified as responses like those that a model server of NeMo Gym gives."""
        verify = load_function(folder / "reward.py", "verify")

        async def verify_all() -> list[Row]:
            return [
                await verify(row["record"], _response(attempt)) for row, attempt in zip(rows, attempts, strict=True)
            ]

        verdicts = asyncio.run(verify_all())
        return [None if verdict["outcome"] == "verifier_error" else verdict["reward"] for verdict in verdicts]


def _response(attempt: CheckedAttempt) -> Row:
    content = [{"type": "output_text", "text": attempt.text, "annotations": []}]
    return {
        "object": "response",
        "output": [{"type": "message", "role": "assistant", "content": content}],
        "incomplete_details": {"reason": "max_output_tokens"} if attempt.finish == "length" else None,
    }
