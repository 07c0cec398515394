"""Scores a file on a local Ray cluster with two workers; run in a process of its own."""

import sys
from pathlib import Path

import ray

import risk_models.cohort.parts as parts
from tests.risk_models.cohort.tables import scored

if __name__ == "__main__":
    parts.PART_ROWS = int(sys.argv[3])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20)
    scored(Path(sys.argv[1]), Path(sys.argv[2]), "china_par_10y", "prevent_2023", engine="ray")
    print("nodes", len(ray.nodes()))
    ray.shutdown()
