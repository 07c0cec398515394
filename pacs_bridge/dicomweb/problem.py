"""What can be wrong with a request, as an HTTP status and one sentence without patient data."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from pacs_bridge.errors import BridgeError


class HttpError(BridgeError):
    """A request that is answered with an error status.

    Parameters
    ----------
    status
        HTTP status code, as PS3.18 8.5 uses it.
    reason
        Why, in one sentence, without text taken from a data set.
    headers
        Added to the answer.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse({"error": self.reason}, self.status, self.headers)


def bad_request(reason: str) -> HttpError:
    """Return 400: the request does not follow PS3.18."""
    return HttpError(400, reason)


def not_found(what: str) -> HttpError:
    """Return 404."""
    return HttpError(404, f"{what} is not in the archive")


def not_acceptable(reason: str) -> HttpError:
    """Return 406: no acceptable representation can be made."""
    return HttpError(406, reason)


async def answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    """Turn an `HttpError` into its answer."""
    assert isinstance(error, HttpError)
    return error.response()


async def answer_framework_error(_request: Request, error: Exception) -> JSONResponse:
    """Turn an error of the routing (no such path, no such method) into JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
