"""Pieces of an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.0)."""

Json = dict[str, object]

ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}
_MEANINGS = {
    200: "Done",
    202: "Some were taken, some refused",
    206: "Some cannot be sent as asked",
    304: "Not changed",
    400: "The request is malformed",
    401: "No valid token",
    403: "This token may not",
    404: "Not there",
    406: "Cannot be sent as asked",
    408: "The body does not come on",
    409: "All were refused",
    412: "The patient's data cannot be had",
    413: "Too large",
    415: "Not a type of body that is taken here",
    429: "Too many requests with a wrong token",
    503: "Too busy, out of space, or the database does not answer; try again",
}
_PROTECTED = (401, 403, 429, 503)


def operation(
    summary: str,
    answers: dict[int, Json],
    errors: tuple[int, ...] = (),
    *,
    parameters: tuple[Json, ...] = (),
    body: Json | None = None,
    protected: bool = True,
) -> Json:
    """Return an operation.

    Parameters
    ----------
    answers
        Content by status, for the good ones.
    errors
        Status codes answered by `ERROR` beside those every protected operation has.
    """
    codes = sorted({*errors, *(_PROTECTED if protected else ())})
    responses: Json = {
        str(code): {"description": _MEANINGS[code], **({"content": content} if content else {})}
        for code, content in answers.items()
    }
    for code in codes:
        if str(code) not in responses:
            responses[str(code)] = {"description": _MEANINGS[code], "content": as_json(ERROR)}
    described: Json = {"summary": summary, "responses": responses}
    if parameters:
        described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    if not protected:
        described["security"] = []
    return described


def as_json(schema: Json, media_type: str = "application/json") -> Json:
    """Return the content of one media type."""
    return {media_type: {"schema": schema}}


def binary(*media_types: str) -> Json:
    """Return content that is bytes."""
    return {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}


def in_path(name: str, pattern: str, example: str) -> Json:
    """Return a parameter of the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": pattern},
        "example": example,
    }


def in_query(name: str, schema: Json) -> Json:
    """Return an optional parameter of the query."""
    return {"name": name, "in": "query", "required": False, "schema": schema}
