"""A short run of the fuzzer, so that it stays runnable and finds what is easy to find."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.support.processes import REPOSITORY


@pytest.mark.slow
def test_the_receive_path_survives_a_short_fuzzing(tmp_path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it has wheels for some Pythons only")
    command = [sys.executable, "-m", "validation.fuzzing.receive", "-runs=20000", "-seed=1"]
    # Through a shell: a child's peak of memory, which the fuzzer limits, begins with its parent's.
    shell = ["sh", "-c", '"$@"; exit $?', "sh"]
    run = subprocess.run(
        [*shell, *command, f"-artifact_prefix={tmp_path}/"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Done 20000 runs" in run.stderr
