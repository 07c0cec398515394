"""`environment.yml` and `pyproject.toml` say the same; the README names commands that exist."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_agrees_with_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["name"] == PROJECT["name"]
    assert conda["channels"] == ["conda-forge"]
    packages = [d for d in conda["dependencies"] if isinstance(d, str)]
    pip = next(d["pip"] for d in conda["dependencies"] if isinstance(d, dict))
    assert f"python{PROJECT['requires-python']}" in packages
    assert set(packages) == {f"python{PROJECT['requires-python']}", "pip"}
    assert pip == ["-e .[demo]"], "dependencies live in pyproject.toml only"
    assert "demo" in PROJECT["optional-dependencies"]


def test_version_is_written_once():
    import clinical_ai

    assert PROJECT["version"] == clinical_ai.__version__


def test_make_has_the_two_commands_of_the_readme():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    readme = (ROOT / "README.md").read_text()
    for command in ("make run", "make test"):
        assert command in readme
        assert command.split()[1] in targets
    assert re.search(r"^make test$", (ROOT / ".ci/run").read_text(), re.M)


def test_every_runtime_dependency_has_a_notice():
    notices = (ROOT / "THIRD_PARTY.md").read_text().lower()
    for requirement in PROJECT["dependencies"]:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement).group().lower()
        assert f"| {name} |" in notices, f"{name} is not in THIRD_PARTY.md"
