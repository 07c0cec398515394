"""From a Parquet file to finished reports, for a million people and for ten million.

``python -m validation.benchmarks.cohort_scale [PEOPLE ...]`` makes each population in a
temporary folder and runs the two commands a user would, in processes of their own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from validation.benchmarks.synthetic_cohort import write_population

MAPPING = "[constants]\nnorth_of_yangtze = true\nurban = true\n"


@dataclass(frozen=True, slots=True)
class Run:
    """One command: wall and processor seconds, and the most memory it held (GB)."""

    wall_s: float
    cpu_s: float
    peak_gb: float


def measure(people: int) -> tuple[Run, Run]:
    """Score and report a population of `people`; returns both runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_population(folder / "people.parquet", people)
        (folder / "mapping.toml").write_text(MAPPING, "utf-8")
        out = str(folder / "out")
        score = _run(
            [
                "score",
                str(folder / "people.parquet"),
                "--out",
                out,
                "--as-of",
                "2025-06-30",
                "--mapping",
                str(folder / "mapping.toml"),
            ]
        )
        report = _run(["report", out, "--language", "zh", "--format", "html", "--format", "pdf"])
        assert (folder / "out" / "report.zh.pdf").stat().st_size > 100_000
        return score, report


_CHILD = """
import resource, runpy, sys
sys.argv = ["clinical-ai", "cohort", *sys.argv[2:]]
try:
    runpy.run_module("clinical_ai", run_name="__main__")
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak, file=open({target!r}, "w"))
"""


def _run(words: list[str]) -> Run:
    with tempfile.NamedTemporaryFile(mode="r") as peak:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", _CHILD.format(target=peak.name), "--", *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall, cpu, int(peak.read()) * 1024 / 1e9)


def main() -> None:
    """Print a line for each population."""
    sizes = [int(word) for word in sys.argv[1:]] or [1_000_000, 10_000_000]
    print("people      score s  report s  together s  cpu s  peak GB")
    for people in sizes:
        score, report = measure(people)
        print(
            f"{people:>10,}  {score.wall_s:7.1f}  {report.wall_s:8.1f}  "
            f"{score.wall_s + report.wall_s:10.1f}  {score.cpu_s + report.cpu_s:5.0f}  "
            f"{max(score.peak_gb, report.peak_gb):7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
