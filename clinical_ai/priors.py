"""Earlier studies of the same patient that the archive holds already."""

from sqlalchemy import Engine, select

from pacs_bridge.tables import study


def earlier_studies(engine: Engine, study_uid: str) -> tuple[str, ...]:
    """Return UIDs of earlier studies of the patient with a modality in common, newest first.

    The patient is the same when PatientID and its issuer are equal; an empty PatientID
    matches nobody. Studies without a date are left out: their order is unknown.
    """
    with engine.connect() as connection:
        current = connection.execute(
            select(study).where(study.c.study_instance_uid == study_uid)
        ).one_or_none()
        if current is None or not current.patient_id or not current.study_date:
            return ()
        rows = connection.execute(
            select(study.c.study_instance_uid, study.c.modalities)
            .where(
                study.c.patient_id == current.patient_id,
                study.c.issuer_of_patient_id == current.issuer_of_patient_id,
                study.c.study_date != "",
                study.c.study_date < current.study_date,
            )
            .order_by(study.c.study_date.desc())
        ).all()
    modalities = set(current.modalities.split(",")) - {""}
    return tuple(r.study_instance_uid for r in rows if modalities & set(r.modalities.split(",")))
