import os
import subprocess
import sys

import numpy as np
import pytest

from assay.maths.beta.lbfgs import minimum

COUNTED = """
import threading
import numpy as np
import scipy.linalg  # loads its BLAS
from threadpoolctl import ThreadpoolController
from assay.maths.beta.lbfgs import minimum

def threads():
    return [each["num_threads"] for each in ThreadpoolController().info() if each["user_api"] == "blas"]

meanwhile = set()

def loss(x):
    meanwhile.update(threads())
    return float(x @ x), 2 * x

before = threads()
minimum(loss, np.ones(3), jac=True)
at_once = [threading.Thread(target=minimum, args=(loss, np.ones(3)), kwargs={"jac": True}) for _ in range(6)]
for each in at_once:
    each.start()
for each in at_once:
    each.join()
print(set(before), meanwhile, set(threads()))
"""


def test_a_bowl_is_lowest_at_its_bottom_and_at_the_bound_before_it():
    def bowl(x):
        return float(((x - 3) ** 2).sum()), 2 * (x - 3)

    assert minimum(bowl, np.zeros(2), jac=True) == pytest.approx([3, 3])
    assert minimum(bowl, np.zeros(2), jac=True, bounds=[(-1, 1), (-1, 5)]) == pytest.approx([1, 3])


def test_blas_has_one_thread_meanwhile_and_its_own_number_before_and_after():
    threads = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, env=threads, check=True, timeout=60
    )
    assert done.stdout == "{2} {1} {2}\n"
