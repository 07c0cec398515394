"""From the path of a URL to rows of the index: studies, series, instances, frames."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sqlalchemy import Engine, select

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.problem import bad_request, not_found
from pacs_bridge.header import is_uid
from pacs_bridge.records import InstanceRecord
from pacs_bridge.tables import instance

_COLUMNS = tuple(instance.c[field.name] for field in fields(InstanceRecord))
_LEVELS = (
    ("study", instance.c.study_instance_uid),
    ("series", instance.c.series_instance_uid),
    ("instance", instance.c.sop_instance_uid),
)
MAX_FRAMES = 10_000


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path names: a study, a series of it, or an instance of that; empty below."""

    study: str
    series: str = ""
    instance: str = ""

    @property
    def path(self) -> str:
        """The path below the service root (PS3.18 table 10.4.1-1)."""
        parts = [("studies", self.study), ("series", self.series), ("instances", self.instance)]
        return "".join(f"/{name}/{uid}" for name, uid in parts if uid)


def resource_of(parameters: Mapping[str, str]) -> Resource:
    """Return the resource that the parameters of a route name.

    Raises
    ------
    HttpError
        400 where one is not a UID.
    """
    for name, _ in _LEVELS:
        if name in parameters and not is_uid(parameters[name]):
            raise bad_request(f"the {name} in the path is not a UID")
    return Resource(
        parameters["study"], parameters.get("series", ""), parameters.get("instance", "")
    )


def find_instances(archive: Archive, resource: Resource) -> list[InstanceRecord]:
    """Return the instances of a resource by series, instance number and UID.

    Raises
    ------
    HttpError
        404 where there are none.
    """
    found = _rows(archive.engine, archive, resource)
    if not found:
        what = "instance" if resource.instance else "series" if resource.series else "study"
        raise not_found(f"this {what}")
    return found


def frame_numbers(text: str) -> tuple[int, ...]:
    """Read a frame list, ``1,3,5`` (PS3.18 10.4.1.1.4); numbers count from 1.

    Raises
    ------
    HttpError
        400 where it is none, or has more than `MAX_FRAMES` numbers.
    """
    parts = text.split(",")
    if len(parts) > MAX_FRAMES:
        raise bad_request(f"more than {MAX_FRAMES} frames are asked for at once")
    if not all(p.isascii() and p.isdigit() and len(p) < 10 and int(p) > 0 for p in parts):
        raise bad_request("the frame list is not made of numbers from 1 with commas between")
    return tuple(map(int, parts))


def _rows(engine: Engine, archive: Archive, resource: Resource) -> list[InstanceRecord]:
    wanted = {"study": resource.study, "series": resource.series, "instance": resource.instance}
    query = select(*_COLUMNS).order_by(
        instance.c.series_instance_uid, instance.c.instance_number, instance.c.sop_instance_uid
    )
    for name, column in _LEVELS:
        if wanted[name]:
            query = query.where(column == wanted[name])
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        InstanceRecord(**{**row._mapping, "path": archive.root / row._mapping["path"]})
        for row in rows
    ]
