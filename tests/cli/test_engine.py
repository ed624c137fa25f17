"""`curate serve-model`, as people start it."""

import os
import signal
import subprocess
import sys

import pytest

from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.openai.engine import Openai

COMMAND = [sys.executable, "-m", "assay", "curate", "serve-model"]


@pytest.mark.service
def test_a_served_engine_answers_with_its_key_until_it_is_interrupted(monkeypatch):
    monkeypatch.setenv("SERVE_KEY", "open-sesame")
    environment = {**os.environ, "COLUMNS": "300"}
    ask = [*COMMAND, "--engine", "scripted", "--set", 'rule="sum"', "--port", "0", "--key-env", "SERVE_KEY"]
    server = subprocess.Popen(ask, stderr=subprocess.PIPE, text=True, env=environment)
    line = server.stderr.readline()
    url = next(word for word in line.split() if word.startswith("http://")).rstrip(";")
    sampler, problem = SamplingConfig(temperature=0.0), Problem.of("What is 3 + 4?")
    engine = Openai(urls=(url,), key_env="SERVE_KEY")
    (rollout,) = next(iter(engine.generate([Request(problem.id, sampler.render(problem), sampler, (0,), 0)])))
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=20) == 0
    assert rollout.text in ("The answer is 7", "The answer is 8")
    assert rollout.finish == "stop"
    rest = server.stderr.read()
    assert rest == "interrupted: no longer served\n"
    assert "open-sesame" not in line


@pytest.mark.service
def test_an_unknown_engine_is_one_line_with_its_neighbours():
    ran = subprocess.run([*COMMAND, "--engine", "scriptd"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "unknown engine 'scriptd'; nearest: 'scripted'" in ran.stderr
