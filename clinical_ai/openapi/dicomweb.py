"""The DICOMweb addresses (DICOM PS3.18) in OpenAPI."""

import re

from clinical_ai.openapi.parts import Json, as_json, binary, in_path, in_query, operation

_UID = r"^[0-2](\.(0|[1-9][0-9]{0,20})){1,6}$"
_PATH = re.compile(r"\{(\w+)\}")
_PLACES: dict[str, Json] = {
    "study": in_path("study", _UID, "1.2.3"),
    "series": in_path("series", _UID, "1.2.3.4"),
    "instance": in_path("instance", _UID, "1.2.3.4.5"),
    "frames": in_path("frames", r"^[1-9][0-9]{0,3}(,[1-9][0-9]{0,3}){0,3}$", "1"),
    "place": in_path("place", r"^[0-9A-Fa-f]{8}(/[0-9]{1,3}/[0-9A-Fa-f]{8}){0,2}$", "7FE00010"),
}
_JSON = "application/dicom+json"
_RECORDS: Json = {"type": "array", "items": {"type": "object"}}
_DICOM = binary("application/dicom", "multipart/related")
_PICTURES = binary("image/jpeg", "image/png", "image/gif", "image/jp2")
_NUMBER: Json = {"type": "integer", "minimum": 0, "maximum": 5000}
_SEARCH = (
    in_query("limit", _NUMBER),
    in_query("offset", _NUMBER),
    in_query("fuzzymatching", {"enum": ["true", "false"]}),
    in_query("includefield", {"type": "string"}),
    in_query("PatientID", {"type": "string"}),
    in_query("PatientName", {"type": "string"}),
    in_query("StudyDate", {"type": "string"}),
    in_query("StudyTime", {"type": "string"}),
    in_query("Modality", {"type": "string"}),
    in_query("StudyInstanceUID", {"type": "string"}),
    in_query("InstanceNumber", {"type": "string"}),
)
_RENDERED = (
    in_query("quality", {"type": "string"}),
    in_query("viewport", {"type": "string"}),
    in_query("window", {"type": "string"}),
    in_query("annotation", {"type": "string"}),
)
_ACCEPT = in_query("accept", {"type": "string"})
_LEVELS = (
    "/studies/{study}",
    "/studies/{study}/series/{series}",
    "/studies/{study}/series/{series}/instances/{instance}",
)
_FRAMES = f"{_LEVELS[2]}/frames/{{frames}}"


def dicomweb_paths(root: str) -> dict[str, Json]:
    """Return the description of every DICOMweb address below `root`."""
    paths: dict[str, Json] = {}
    for path in (
        "/studies",
        "/series",
        "/instances",
        f"{_LEVELS[0]}/series",
        f"{_LEVELS[0]}/instances",
        f"{_LEVELS[1]}/instances",
    ):
        answers = {200: as_json(_RECORDS, _JSON)}
        paths[path] = {"get": _operation(path, "Search", answers, (400, 406), (*_SEARCH, _ACCEPT))}
    for path in _LEVELS:
        paths[path] = {"get": _retrieve(path, "Retrieve", _DICOM, statuses=(200, 206))}
        metadata = f"{path}/metadata"
        paths[metadata] = {
            "get": _retrieve(metadata, "Retrieve the attributes", as_json(_RECORDS, _JSON))
        }
    for path in (_LEVELS[2], _FRAMES):
        picture = f"{path}/rendered"
        paths[picture] = {"get": _retrieve(picture, "Get a picture", _PICTURES, _RENDERED)}
    for path in (*_LEVELS, _FRAMES):
        picture = f"{path}/thumbnail"
        paths[picture] = {"get": _retrieve(picture, "Get a small picture", _PICTURES, _RENDERED)}
    octets = binary("application/octet-stream", "multipart/related")
    paths[_FRAMES] = {"get": _retrieve(_FRAMES, "Retrieve frames", octets)}
    bulk = f"{_LEVELS[2]}/bulkdata/{{place}}"
    paths[bulk] = {"get": _retrieve(bulk, "Retrieve one value", octets)}
    for path in ("/studies", _LEVELS[0]):
        paths.setdefault(path, {})["post"] = _store(path)
    return {f"{root}{path}": item for path, item in paths.items()}


def _retrieve(
    path: str,
    summary: str,
    content: Json,
    parameters: tuple[Json, ...] = (),
    statuses: tuple[int, ...] = (200,),
) -> Json:
    answers: dict[int, Json] = dict.fromkeys(statuses, content)
    return _operation(path, summary, {**answers, 304: {}}, (400, 404, 406), (*parameters, _ACCEPT))


def _store(path: str) -> Json:
    body = binary("multipart/related", "application/dicom")
    return _operation(
        path,
        "Store instances",
        {status: as_json({"type": "object"}, _JSON) for status in (200, 202, 409)},
        (400, 406, 408, 413, 415),
        body=body,
    )


def _operation(
    path: str,
    summary: str,
    answers: dict[int, Json],
    errors: tuple[int, ...],
    parameters: tuple[Json, ...] = (),
    body: Json | None = None,
) -> Json:
    named = tuple(_PLACES[name] for name in _PATH.findall(path))
    return operation(summary, answers, errors, parameters=(*named, *parameters), body=body)
