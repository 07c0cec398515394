"""Runs a job's parts: one after another here, or on a Ray cluster with the same function."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from risk_models.cohort.counts import Counts, add_up, load
from risk_models.cohort.errors import EngineError
from risk_models.cohort.parts import Job, Memory, Part, process

Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""


def run_here(job: Job, parts: Sequence[Part], progress: Progress) -> Counts:
    """Run every part in this process; Polars uses the cores within a part."""
    memory = Memory()
    counts: list[Counts] = []
    for done, part in enumerate(parts):
        progress(done, len(parts))
        counts.append(process(job, part, memory))
        if len(counts) > 16:
            counts = [add_up(counts)]
    progress(len(parts), len(parts))
    return add_up(counts)


def run_on_ray(job: Job, parts: Sequence[Part], progress: Progress) -> Counts:
    """Run every part on a Ray cluster (``RAY_ADDRESS``, or one on this machine).

    Every worker must see the input and `job.out` under the same path, as on a shared file
    system: people's data goes to files there, never through Ray's object store.

    Raises
    ------
    EngineError
        If Ray is not installed.
    """
    try:
        import ray.data
    except ImportError as error:
        raise EngineError("--engine ray needs Ray: pip install 'clinical-ai[cluster]'") from error
    progress(0, len(parts))
    numbers = [{"number": part.number} for part in parts]
    by_number = {part.number: part for part in parts}
    done = (
        ray.data.from_items(numbers, override_num_blocks=len(parts))
        .map(_RayWorker, fn_constructor_args=(job, by_number), concurrency=(1, len(parts)))
        .take_all()
    )
    progress(len(done), len(parts))
    folder = job.out / "counts"
    return add_up([load(folder / f"part-{part.number:05}") for part in parts])


class _RayWorker:
    """Holds a process's memory of guideline answers from part to part."""

    def __init__(self, job: Job, parts: dict[int, Part]) -> None:
        self.job, self.parts, self.memory = job, parts, Memory()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        number = int(row["number"])
        process(self.job, self.parts[number], self.memory)
        return {"number": number}


ENGINES: dict[str, Callable[[Job, Sequence[Part], Progress], Counts]] = {
    "local": run_here,
    "ray": run_on_ray,
}


def people_files(out: Path) -> list[Path]:
    """The people that a job wrote, part by part."""
    return sorted((out / "people").glob("part-*.parquet"))
