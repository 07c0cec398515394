"""Orders that the RIS sent: kept by accession number, and matched to studies."""

import time
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, Row, case, select, update

from pacs_bridge.database import insert_or_ignore
from pacs_bridge.hl7.acknowledgement import DUPLICATE_KEY, NotAcceptedError
from pacs_bridge.hl7.orders import Order, OrderContent
from pacs_bridge.hl7.tables import imaging_order
from pacs_bridge.rows import record
from pacs_bridge.tables import study

# How an order and the study of its accession number agree: "waiting" has no study yet.
Match = Literal["waiting", "matched", "mismatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingOrder(OrderContent):
    """A row of the table ``imaging_order``.

    Parameters
    ----------
    created_at, updated_at
        Seconds since 1970 UTC.
    """

    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class StudyOrder:
    """The order that carries a study's accession number.

    Parameters
    ----------
    patient_agrees
        Whether the patient of the order is that of the study. If not, nothing of the order
        may be taken as said of this study.
    """

    order: ImagingOrder
    patient_agrees: bool


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order with the study it belongs to, for lists."""

    order: ImagingOrder
    match: Match
    study_instance_uid: str | None


def keep_order(connection: Connection, order: Order) -> None:
    """Store what a message says of an order, in the caller's transaction.

    A field that the message leaves empty keeps its value. A change of a cancelled order
    leaves it cancelled; only a new order (NW) opens it again. Doing it twice changes nothing.

    Raises
    ------
    NotAcceptedError
        When the order is known as that of another patient.
    """
    now = time.time()
    key = {
        "accession_number": order.accession_number,
        "placer_order_number": order.placer_order_number,
    }
    row = _columns(order)
    if insert_or_ignore(
        connection, imaging_order, {**key, **row, "created_at": now, "updated_at": now}
    ):
        return
    where = [imaging_order.c[name] == value for name, value in key.items()]
    known = connection.execute(select(imaging_order).where(*where).with_for_update()).one()
    if known.patient_id != order.patient_id or not _same_issuer(
        known.issuer_of_patient_id, order.issuer_of_patient_id
    ):
        raise NotAcceptedError(
            "error",
            DUPLICATE_KEY,
            "the order is known as that of another patient; use another accession number",
            ("PID", 3),
        )
    if known.state == "cancelled" and order.control != "NW":
        row["state"] = "cancelled"
    stated = {name: value for name, value in row.items() if value}
    connection.execute(update(imaging_order).where(*where).values(**stated, updated_at=now))


def find_order(connection: Connection, accession_number: str) -> ImagingOrder | None:
    """Return the order with this accession number; None when there is none.

    Of several, one that is not cancelled, then the most urgent, then the newest. Whether it
    is of the same patient as a study of that accession number, `order_of_study` says.
    """
    if not accession_number.strip():
        return None
    cancelled = case((imaging_order.c.state == "cancelled", 1), else_=0)
    urgency = case({"stat": 0, "asap": 1}, value=imaging_order.c.priority, else_=2)
    row = connection.execute(
        select(imaging_order)
        .where(imaging_order.c.accession_number == accession_number.strip())
        .order_by(cancelled, urgency, imaging_order.c.updated_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else record(ImagingOrder, row)


def order_of_study(connection: Connection, study_instance_uid: str) -> StudyOrder | None:
    """Return the order with the accession number of a study, and whether the patients agree."""
    row = connection.execute(
        select(study.c.accession_number, study.c.patient_id, study.c.issuer_of_patient_id).where(
            study.c.study_instance_uid == study_instance_uid
        )
    ).one_or_none()
    order = None if row is None else find_order(connection, row.accession_number)
    if row is None or order is None:
        return None
    return StudyOrder(order, _agree(order, row.patient_id, row.issuer_of_patient_id))


def list_orders(
    engine: Engine, *, match: Match | None = None, limit: int = 500
) -> tuple[ListedOrder, ...]:
    """Return the orders last changed, newest first, each with its study if there is one.

    Parameters
    ----------
    match
        Only these; `limit` counts the orders looked at.
    """
    query = (
        select(
            imaging_order,
            study.c.study_instance_uid,
            study.c.patient_id.label("study_patient_id"),
            study.c.issuer_of_patient_id.label("study_issuer"),
        )
        .outerjoin(study, study.c.accession_number == imaging_order.c.accession_number)
        .order_by(imaging_order.c.updated_at.desc(), imaging_order.c.id)
        .limit(limit)
    )
    with engine.connect() as connection:
        listed = tuple(_listed(row) for row in connection.execute(query))
    return tuple(one for one in listed if match in (None, one.match))


def _listed(row: Row[tuple[object, ...]]) -> ListedOrder:
    order = record(ImagingOrder, row)
    if row.study_instance_uid is None:
        return ListedOrder(order, "waiting", None)
    agrees = _agree(order, row.study_patient_id, row.study_issuer)
    return ListedOrder(order, "matched" if agrees else "mismatch", row.study_instance_uid)


def _agree(order: ImagingOrder, patient_id: str, issuer: str) -> bool:
    """Whether both name the same patient; an issuer counts where both have one."""
    same = bool(order.patient_id) and order.patient_id.strip() == patient_id.strip()
    return same and _same_issuer(order.issuer_of_patient_id, issuer)


def _same_issuer(one: str, other: str) -> bool:
    return not one or not other or one == other


def _columns(order: Order) -> dict[str, str]:
    key = ("control", "accession_number", "placer_order_number")
    return {name: value for name, value in asdict(order).items() if name not in key}
