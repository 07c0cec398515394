"""QIDO-RS: find studies, series and instances (PS3.18 10.6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from anyio import to_thread
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.access import check_study, principal_of
from pacs_bridge.dicomweb.media import JSON, Offer, choose
from pacs_bridge.dicomweb.metadata import Json, encoded, json_members
from pacs_bridge.dicomweb.problem import bad_request
from pacs_bridge.dicomweb.resources import Resource
from pacs_bridge.dicomweb.service import Service, accept_of
from pacs_bridge.errors import QueryError
from pacs_bridge.header import is_uid
from pacs_bridge.query import Level, Match, find, known, to_dataset

MAX_RESULTS = 1000
_MAX_KEYS = 100
_MAX_OFFSET = 2**31 - 1
# What a search returns unasked: PS3.18 tables 10.6.3-3 to 10.6.3-5, as far as the index has it.
_RETURNED: dict[Level, tuple[str, ...]] = {
    Level.STUDY: (
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ModalitiesInStudy",
        "ReferringPhysicianName",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyID",
        "StudyDescription",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "Modality",
        "SeriesDescription",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SeriesNumber",
        "NumberOfSeriesRelatedInstances",
    ),
    Level.IMAGE: (
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "InstanceNumber",
        "Rows",
        "Columns",
        "BitsAllocated",
        "NumberOfFrames",
        "AvailableTransferSyntaxUID",
    ),
}
_UIDS_IN_PATH = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
_PATHS: dict[str, Level] = {
    "/studies": Level.STUDY,
    "/series": Level.SERIES,
    "/instances": Level.IMAGE,
    "/studies/{study}/series": Level.SERIES,
    "/studies/{study}/instances": Level.IMAGE,
    "/studies/{study}/series/{series}/instances": Level.IMAGE,
}
_OTHER_PARAMETERS = frozenset({"accept", "charset", "emptyvaluematching"})
_RETRIEVE_URL = "00081190"


@dataclass(slots=True)
class Question:
    """A search, read from a URL.

    Parameters
    ----------
    keys
        Value by keyword, to be matched or, where empty, returned.
    fields
        Keywords to return.
    warnings
        What was asked for and cannot be had, for the header Warning.
    """

    level: Level
    keys: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    limit: int = MAX_RESULTS
    offset: int = 0
    warnings: list[str] = field(default_factory=list)


class Search:
    """The handler of all six search resources."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes, relative to the service root."""
        return [
            Route(path, partial(self._search, level), methods=["GET"])
            for path, level in _PATHS.items()
        ]

    async def _search(self, level: Level, request: Request) -> Response:
        offer = choose(accept_of(request), (Offer(JSON), Offer("application/json")))
        question = question_of(level, request.query_params.multi_items(), request.path_params)
        principal = principal_of(request.scope)
        study = question.keys.get("StudyInstanceUID") or None
        check_study(principal, study)
        one = study if study is not None and is_uid(study) else None
        await self._service.reads.tell(principal, "search", one)
        body, more = await to_thread.run_sync(
            _answer, self._service.archive, question, self._service.url(request)
        )
        if more:
            question.warnings.append("There are additional results that can be requested")
        headers = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}
        if question.warnings:
            warnings = (f'299 dicomweb "{text}"' for text in question.warnings)
            headers["Warning"] = ", ".join(warnings)
        return Response(body, 200, headers, offer.media_type)


def question_of(
    level: Level, parameters: Sequence[tuple[str, str]], path: dict[str, str]
) -> Question:
    """Read the query parameters of a search (PS3.18 8.3.4, 10.6.1.2).

    Parameters
    ----------
    parameters
        Name and value, decoded, in order.
    path
        Parameters of the route: ``study`` and ``series``, where the path has them.

    Raises
    ------
    HttpError
        400 where one is malformed.
    """
    question = Question(level)
    if len(parameters) > _MAX_KEYS:
        raise bad_request(f"more than {_MAX_KEYS} query parameters")
    question.fields.extend(_RETURNED[level])
    seen: set[str] = set()
    for name, value in parameters:
        if name == "includefield":
            _include(question, value)
            continue
        if name in seen:
            raise bad_request("a query parameter stands there twice")
        seen.add(name)
        if name == "limit":
            question.limit = _limit(question, value)
        elif name == "offset":
            question.offset = _number(value, "offset")
        elif name == "fuzzymatching":
            _fuzzy(question, value)
        elif name not in _OTHER_PARAMETERS:
            _match_key(question, name, value)
    for name, keyword in _UIDS_IN_PATH.items():
        if name in path:
            if not is_uid(path[name]):
                raise bad_request(f"the {name} in the path is not a UID")
            question.keys[keyword] = path[name]
    question.fields = list(dict.fromkeys(question.fields))
    for keyword in question.fields:
        question.keys.setdefault(keyword, "")
    return question


def keyword_of(name: str) -> str | None:
    """Return the keyword of an attribute named by keyword or as ``GGGGEEEE``; None if none."""
    if len(name) == 8:
        try:
            return keyword_for_tag(int(name, 16)) or None
        except ValueError:
            pass
    return name if tag_for_keyword(name) is not None else None


def _match_key(question: Question, name: str, value: str) -> None:
    keyword = keyword_of(name)
    if keyword is None or keyword not in known(question.level):
        _warn(question, keyword, "cannot be matched and was ignored")
        return
    if dictionary_VR(tag_for_keyword(keyword) or 0) in ("UI", "CS"):
        value = value.replace(",", "\\")  # lists of UIDs (PS3.18 8.3.4.1), and of modalities
    question.keys[keyword] = value
    question.fields.append(keyword)


def _include(question: Question, value: str) -> None:
    for name in value.split(","):
        if name == "all":
            question.fields.extend(sorted(known(question.level)))
            continue
        keyword = keyword_of(name)
        if keyword is None or keyword not in known(question.level):
            _warn(question, keyword, "cannot be returned")
        else:
            question.fields.append(keyword)


def _warn(question: Question, keyword: str | None, what: str) -> None:
    # A keyword of the data dictionary can stand in a header; other text of the client cannot.
    text = f"{keyword or 'An unknown attribute'} {what}"
    if text not in question.warnings:
        question.warnings.append(text)


def _fuzzy(question: Question, value: str) -> None:
    if value not in ("true", "false"):
        raise bad_request("fuzzymatching is neither true nor false")
    if value == "true":  # the sentence of PS3.18 8.3.4.2
        question.warnings.append(
            "The fuzzymatching parameter is not supported. "
            "Only literal matching has been performed."
        )


def _limit(question: Question, value: str) -> int:
    limit = _number(value, "limit")
    if limit > MAX_RESULTS:
        question.warnings.append(f"At most {MAX_RESULTS} results are returned at once")
    return min(limit, MAX_RESULTS)


def _number(value: str, name: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 11 and int(value) <= _MAX_OFFSET):
        raise bad_request(f"{name} is not a number from 0 to {_MAX_OFFSET}")
    return int(value)


def _answer(archive: Archive, question: Question, url: str) -> tuple[bytes, bool]:
    """Return the results as JSON, and whether there are more."""
    try:
        matches = find(
            archive.engine,
            question.level,
            question.keys,
            limit=question.limit + 1,
            offset=question.offset,
        )
    except QueryError as error:
        raise bad_request(str(error)) from error
    shown = matches[: question.limit]
    body = encoded([_result(match, question.fields, url) for match in shown])
    return body, len(matches) > len(shown)


def _result(match: Match, keywords: Iterable[str], url: str) -> Json:
    members = json_members(to_dataset(match, keywords), url)
    values = match.values
    resource = Resource(
        str(values["StudyInstanceUID"]),
        str(values.get("SeriesInstanceUID") or ""),
        str(values.get("SOPInstanceUID") or ""),
    )
    members[_RETRIEVE_URL] = {"vr": "UR", "Value": [f"{url}{resource.path}"]}
    return members
