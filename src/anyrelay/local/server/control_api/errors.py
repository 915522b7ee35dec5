"""The errors of the control API, in the form of SignalWire's REST API."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import JSONResponse

__all__ = ["ApiError", "conflict", "error_answer", "invalid", "not_found", "not_served"]

TYPES: Final = {
    400: ("validation_error", "malformed_body"),
    401: ("authentication_error", "unauthorized"),
    403: ("authorization_error", "forbidden"),
    404: ("not_found_error", "not_found"),
    405: ("validation_error", "method_not_allowed"),
    408: ("validation_error", "request_timeout"),
    409: ("conflict_error", "conflict"),
    413: ("validation_error", "body_too_large"),
    415: ("validation_error", "unsupported_media_type"),
    421: ("authorization_error", "misdirected_request"),
    422: ("validation_error", "invalid_parameter"),
    500: ("server_error", "internal_error"),
    501: ("server_error", "not_implemented"),
}
"""The type and the code of an error, by its HTTP status."""


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, *, attribute: str | None = None) -> None:
        """Answer with this error.

        Args:
            status: The HTTP status.
            message: The error, in words.
            attribute: The parameter or the field that is wrong; None for none.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.attribute = attribute


def error_answer(status: int, message: str, *, attribute: str | None = None) -> JSONResponse:
    """Return the answer to a request that is refused or failed."""
    kind, code = TYPES.get(status, TYPES[500] if status >= 500 else TYPES[422])
    error: dict[str, Any] = {"type": kind, "code": code, "message": message}
    if attribute is not None:
        error["attribute"] = attribute
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"errors": [error]}, status, headers)


def not_found(what: str) -> ApiError:
    """Return the error that something is not there (404)."""
    return ApiError(404, f"there is no such {what}")


def conflict(message: str) -> ApiError:
    """Return the error that something cannot be done as things are (409)."""
    return ApiError(409, message)


def invalid(message: str, attribute: str | None = None) -> ApiError:
    """Return the error that a value is not allowed (422)."""
    return ApiError(422, message, attribute=attribute)


def not_served(message: str) -> ApiError:
    """Return the error that these phones cannot do something (501)."""
    return ApiError(501, message)
