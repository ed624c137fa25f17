from assay.verifiers.isolation.environment import build_worker_environment

CALLER = {
    "PATH": "/bin",
    "HOME": "/users/me",
    "LC_ALL": "C",
    "OPENAI_API_KEY": "sk-1",
    "HF_TOKEN": "hf-1",
    "JUDGE_URL": "http://judge",
    "PYTHONSTARTUP": "x",
}


def test_keys_and_whatever_else_the_caller_holds_stay_outside():
    environment = build_worker_environment(caller=CALLER)
    assert environment["HOME"] == "/users/me"
    assert environment["LC_ALL"] == "C"
    assert not {"OPENAI_API_KEY", "HF_TOKEN", "JUDGE_URL", "PYTHONSTARTUP"} & set(environment)


def test_a_name_that_the_plan_gives_is_let_in_and_one_that_the_caller_lacks_is_no_fault():
    environment = build_worker_environment(["JUDGE_URL", "NO_SUCH"], caller=CALLER)
    assert environment["JUDGE_URL"] == "http://judge"
    assert "NO_SUCH" not in environment


def test_one_thread_no_accelerator_and_the_import_path():
    environment = build_worker_environment(caller={})
    assert (environment["OMP_NUM_THREADS"], environment["CUDA_VISIBLE_DEVICES"]) == ("1", "")
    assert environment["PYTHONPATH"]
