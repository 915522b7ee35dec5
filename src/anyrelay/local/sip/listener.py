"""Stand in front of the SIP stack's own listeners: keep from it what would break it, take REGISTERs, give it credentials.

libre hands every message to its listeners in turn, and any of them may answer a request. The ones that are put in front here
need no second parser, copy no byte, and leave the address of the phone what it is:

- **INVITEs.** When no dialog can be made of one (no Contact, a Contact or a Record-Route that cannot be read), the user agents
  of baresip-python 0.5.2a3 answer 500 and free their call, but its table of calls keeps the pointer. After some 255 of them
  every call is refused, and stopping the stack ends in SIGABRT or SIGSEGV (docs/explanation/sip-stack.md). So libre itself is
  asked first whether the dialog can be made, and the INVITE is answered 400 when it cannot. An INVITE that comes before the
  user agents are made is answered 503: the stack alone would answer 404, and the caller would not try again.
- **REGISTER.** The stack answers 501. So a `Registrar` takes it: without a password, as the phone's INVITEs are taken.
- **Challenges.** The stack answers a 401 or a 407 by itself, with the credentials of its account, which all calls share. So
  they are set to those of this very REFER, or to none, just before the stack sees the challenge.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.registrar import Registrar

__all__ = ["StackListener"]

logger = logger_of(__name__)

_BAD_REQUEST: Final = 400
_UNAVAILABLE: Final = 503
_TO: Final = 1449
_CSEQ: Final = 746
_CALL_ID: Final = 3095
_CONTACT: Final = 229
_EXPIRES: Final = 1983
_CHALLENGES: Final = (2763, 116)
"""libre's numbers of these headers (``enum sip_hdrid``), the last ones of WWW-Authenticate and Proxy-Authenticate."""

_Handler = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)

_FUNCTIONS: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "uag_sip": (ctypes.c_void_p, ()),
    "re_thread_enter": (None, ()),
    "re_thread_leave": (None, ()),
    "sip_listen": (ctypes.c_int, (ctypes.c_void_p,) * 2 + (ctypes.c_bool, _Handler, ctypes.c_void_p)),
    "sip_msg_hdr": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "sip_dialog_accept": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p)),
    "sip_treply": (ctypes.c_int, (ctypes.c_void_p,) * 3 + (ctypes.c_uint16, ctypes.c_char_p)),
    # The last argument is a format, and those that it names would follow: there are none here, and a % is doubled.
    "sip_treplyf": (
        ctypes.c_int,
        (ctypes.c_void_p,) * 4 + (ctypes.c_bool, ctypes.c_uint16, ctypes.c_char_p, ctypes.c_char_p),
    ),
    "uag_call_find": (ctypes.c_void_p, (ctypes.c_char_p,)),
    "call_account": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "account_set_auth_user": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    "account_set_auth_pass": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    "mem_deref": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "list_unlink": (None, (ctypes.c_void_p,)),
    "list_prepend": (None, (ctypes.c_void_p,) * 3),
}
"""What is called of libre and baresip: the result and the arguments of each."""


class _Text(ctypes.Structure):
    """``struct pl``: a piece of text."""

    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Element(ctypes.Structure):
    """``struct le``: a place in a linked list."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("before", "after", "list", "data"))


class _Header(ctypes.Structure):
    """``struct sip_hdr``."""

    _fields_ = (("line", _Element), ("hashed", _Element), ("name", _Text), ("value", _Text))


class StackListener:
    """Listens in front of all other listeners. Keep it as long as the stack runs: libre calls into it."""

    refused: int
    """How many INVITEs were refused because no dialog can be made of them."""
    registrar: Registrar
    """The phones that have registered."""
    takes_calls: bool
    """Whether the user agents are made, so that they can be given INVITEs."""

    def __init__(self, library: str) -> None:
        """Prepare it.

        Args:
            library: The path of the stack's native module.

        Raises:
            OSError: It cannot be loaded.
            AttributeError: It does not show the functions of libre.
        """
        native = ctypes.CDLL(library)
        self._call: dict[str, Any] = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(native, name)
            function.restype, function.argtypes = result, arguments
            self._call[name] = function
        self._handlers = {True: _Handler(self._on_request), False: _Handler(self._on_response)}
        self._credentials: dict[bytes, tuple[bytes, bytes]] = {}
        self.registrar = Registrar()
        self.refused = 0
        self.takes_calls = False

    def install(self) -> None:
        """Put it in front of the listeners of the running stack.

        Raises:
            OSError: libre would not have it.
        """
        self._call["re_thread_enter"]()
        try:
            sip = self._call["uag_sip"]()
            for of_requests, handler in self._handlers.items():
                listener = ctypes.c_void_p()
                if not sip or self._call["sip_listen"](ctypes.byref(listener), sip, of_requests, handler, None):
                    raise OSError("the SIP stack takes no listener")
                # libre appends a listener; `struct sip_lsnr` begins with its place in the list.
                listeners = _Element.from_address(listener.value or 0).list
                self._call["list_unlink"](listener)
                self._call["list_prepend"](listeners, listener, listener)
        finally:
            self._call["re_thread_leave"]()

    def set_credentials(self, call_id: str, username: str, password: str) -> None:
        """Meet challenges of the REFERs of a call with these."""
        self._credentials[call_id.encode()] = username.encode(), password.encode()

    def forget_credentials(self, call_id: str) -> None:
        """Meet challenges of the REFERs of a call with none any more."""
        self._credentials.pop(call_id.encode(), None)

    def _on_request(self, message: int, _: int) -> bool:
        """Answer a REGISTER, and an INVITE that breaks the user agents; leave all others to the stack. SIP THREAD."""
        try:
            # libre has seen to it that CSeq names the method of the request.
            method = self._value(message, _CSEQ).upper().split()[-1:]
            if method == [b"REGISTER"]:
                self._register(message)
                return True
            if method != [b"INVITE"] or not self._opens_dialog(message):
                return False
            if not self.takes_calls:
                self._answer(message, _UNAVAILABLE, b"Starting")
                return True
            dialog = ctypes.c_void_p()
            if self._call["sip_dialog_accept"](ctypes.byref(dialog), message) == 0:
                self._call["mem_deref"](dialog)
                return False
            self._answer(message, _BAD_REQUEST, b"Bad Contact or Record-Route")
            self.refused += 1
        except Exception:
            logger.exception("an INVITE could not be checked")
            return False
        return True

    def _on_response(self, message: int, _: int) -> bool:
        """Set the credentials for a challenge; the response itself is for the listeners behind. SIP THREAD."""
        try:
            if any(self._value(message, header) for header in _CHALLENGES):
                call_id = self._value(message, _CALL_ID)
                is_refer = self._value(message, _CSEQ).upper().split()[-1:] == [b"REFER"]
                username, password = self._credentials.get(call_id, (None, None)) if is_refer else (None, None)
                call = self._call["uag_call_find"](call_id)
                if call:
                    account = self._call["call_account"](call)
                    self._call["account_set_auth_user"](account, username)
                    self._call["account_set_auth_pass"](account, password)
        except Exception:
            logger.exception("a challenge could not be prepared for")
        return False

    def _register(self, message: int) -> None:
        to, contact, expires = (self._value(message, header).decode("latin-1") for header in (_TO, _CONTACT, _EXPIRES))
        answer = self.registrar.register(to, contact, expires)
        line = f"Contact: {answer.contact}\r\n".replace("%", "%%") if answer.contact else ""
        head = f"{line}Content-Length: 0\r\n\r\n".encode("latin-1")
        sip, reason = self._call["uag_sip"](), answer.reason.encode()
        self._call["sip_treplyf"](None, None, sip, message, False, answer.code, reason, head)

    def _answer(self, message: int, code: int, reason: bytes) -> None:
        self._call["sip_treply"](None, self._call["uag_sip"](), message, code, reason)

    def _opens_dialog(self, message: int) -> bool:
        """Whether an INVITE is outside of a dialog."""
        return b"tag=" not in self._value(message, _TO).lower().replace(b" ", b"")

    def _value(self, message: int, header: int) -> bytes:
        found = self._call["sip_msg_hdr"](message, header)
        if not found:
            return b""
        value = _Header.from_address(found).value
        return ctypes.string_at(value.start, value.length) if value.length else b""
