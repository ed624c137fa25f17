"""What tests of several rooms start: an S3-compatible service on loopback."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def s3_service() -> Iterator[str]:
    """The address of moto's server in a process of its own, which ends when its stdin does."""
    pytest.importorskip("moto")
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.communicate(timeout=30)


@pytest.fixture
def bucket(s3_service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a lake to be in a new bucket; the mirror lies in tmp_path/cache."""
    import botocore.session

    name = f"lakes-{secrets.token_hex(4)}"
    for key, value in {
        "AWS_ENDPOINT_URL": s3_service,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "127.0.0.1",
        "ASSAY_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(key, value)
    botocore.session.get_session().create_client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/lake"
