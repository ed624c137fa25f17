import os
import subprocess
import sys

import numpy as np
import pytest

from assay.maths.beta.lbfgs import minimize_lbfgs

SCRIPT = """
import threading
import numpy as np
import scipy.linalg  # loads its BLAS
from threadpoolctl import ThreadpoolController
from assay.maths.beta.lbfgs import minimize_lbfgs

def threads():
    return [pool["num_threads"] for pool in ThreadpoolController().info() if pool["user_api"] == "blas"]

meanwhile = set()

def loss(x):
    meanwhile.update(threads())
    return float(x @ x), 2 * x

before = threads()
minimize_lbfgs(loss, np.ones(3), jac=True)
callers = [threading.Thread(target=minimize_lbfgs, args=(loss, np.ones(3)), kwargs={"jac": True}) for _ in range(6)]
for caller in callers:
    caller.start()
for caller in callers:
    caller.join()
print(set(before), meanwhile, set(threads()))
"""


def test_a_bowl_is_lowest_at_its_bottom_and_at_the_bound_before_it():
    def bowl(x):
        return float(((x - 3) ** 2).sum()), 2 * (x - 3)

    assert minimize_lbfgs(bowl, np.zeros(2), jac=True) == pytest.approx([3, 3])
    assert minimize_lbfgs(bowl, np.zeros(2), jac=True, bounds=[(-1, 1), (-1, 5)]) == pytest.approx([1, 3])


def test_blas_has_one_thread_meanwhile_and_its_own_number_before_and_after():
    threads = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=threads, check=True, timeout=60
    )
    assert result.stdout == "{2} {1} {2}\n"
