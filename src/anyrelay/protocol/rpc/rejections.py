"""Which error replies say that nothing will happen, and which say only that the server does not know.

Real servers have made and answered a call after an error reply to ``calling.dial``. So an error reply ends what its command
was to start only where the code is about the request itself.
"""

from __future__ import annotations

from typing import Final

__all__ = ["AUTH_CODES", "is_rejection"]

AUTH_CODES: Final = frozenset({401, 403, -32000, -32001, -32002})
"""Codes that say that the credentials are bad; any other may be the server's own trouble (RELAY facts, section 1)."""

_ABOUT_THE_MESSAGE: Final = frozenset({-32700, -32600, -32601, -32602})
"""The server could not read the message, knows no such method, or takes no such parameters (JSON-RPC 2.0 section 5.1)."""

_ABOUT_THE_SERVER: Final = frozenset({408, 425, 429})
"""The codes from 400 to 499 that are about the server's time and load (RFC 9110 section 15.5.9, RFC 8470, RFC 6585)."""


def is_rejection(code: int) -> bool:
    """Return whether a code of an error reply means that nothing will happen.

    Args:
        code: The code of a JSON-RPC error, or of a result that is not 2xx; -1 where none can be read.

    Returns:
        True for a code about the request itself. False for every other code: the command may have its effect all the same.
    """
    return code in _ABOUT_THE_MESSAGE or (400 <= code <= 499 and code not in _ABOUT_THE_SERVER)
