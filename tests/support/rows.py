"""Rows for tests of worklist and review, written as the real code writes them."""

import time

from sqlalchemy import Engine

from clinical_ai.findings import Reading
from clinical_ai.store.reads import finish_read, queue_read
from pacs_bridge.database import writing
from pacs_bridge.tables import instance, series, study


def add_study(engine: Engine, study_uid: str, *, images: int = 2, **columns: object) -> None:
    """Add a study with images to the index of the archive."""
    now = time.time()
    with writing(engine) as connection:
        connection.execute(
            study.insert().values(
                **{
                    "study_instance_uid": study_uid,
                    "patient_id": "P1",
                    "patient_name": "Zhang^San=张^三",
                    "study_date": "20260102",
                    "modalities": "CT",
                    "created_at": now,
                    "last_received_at": now,
                    "state": "receiving",
                    **columns,
                }
            )
        )
        connection.execute(
            series.insert().values(
                series_instance_uid=f"{study_uid}.1", study_instance_uid=study_uid, modality="CT"
            )
        )
        for number in range(images):
            connection.execute(
                instance.insert().values(
                    sop_instance_uid=f"{study_uid}.1.{number}",
                    series_instance_uid=f"{study_uid}.1",
                    study_instance_uid=study_uid,
                    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                    transfer_syntax_uid="1.2.840.10008.1.2.1",
                    path=f"{number}.dcm",
                    size_bytes=1,
                    sha256="0" * 64,
                    calling_ae_title="CT1",
                    received_at=now,
                )
            )


def add_reading(
    engine: Engine, study_uid: str, version: str = "v1", sequence: int = 1, **values: object
) -> Reading:
    """Queue a version and finish it with a reading without findings."""
    reading = Reading(
        **{
            "id": f"{study_uid}-{version}"[:36],
            "study_uid": study_uid,
            "content_version": version,
            "series_uids": (f"{study_uid}.1",),
            "reader": "lung_nodule",
            "model": None,
            "status": "read",
            "reason": None,
            "cautions": (),
            "findings": (),
            "assessments": (),
            "urgency": "routine",
            "made_at": "2026-01-02T00:00:00+00:00",
            **values,
        }
    )
    queue_read(engine, study_uid, version, sequence)
    with writing(engine) as connection:
        finish_read(connection, reading, "Lung-RADS v2022 1", [])
    return reading
