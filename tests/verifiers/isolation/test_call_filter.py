"""The filter's program, byte by byte where it can be said on paper; what it refuses is tested in `test_confinement`."""

import pytest

from assay.verifiers.isolation.call_filter import MACHINES, compare_process, make_filter

RIGHTS = ("network", "signals", "metadata", "programs", "processes")


@pytest.fixture(params=sorted(MACHINES))
def machine(request, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: request.param)
    return request.param


def test_a_comparison_with_a_process_skips_the_refusal_behind_it():
    assert compare_process(7) == bytes.fromhex("1500 01 00 07000000".replace(" ", ""))


def test_without_signals_the_process_stands_between_the_parts_once_per_call(machine):
    assert len(make_filter(**dict.fromkeys(RIGHTS, True))) == 1
    assert len(make_filter(**{**dict.fromkeys(RIGHTS, True), "signals": False})) == 3  # kill and tgkill


def test_every_right_that_is_not_given_makes_the_filter_longer(machine):
    def length(**rights):
        return len(b"".join(make_filter(**{**dict.fromkeys(RIGHTS, True), **rights})))

    assert all(length(**{right: False}) > length() for right in RIGHTS)


def test_no_filter_is_longer_than_the_kernel_takes(machine):
    program = compare_process(1).join(make_filter(**dict.fromkeys(RIGHTS, False)))
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096
