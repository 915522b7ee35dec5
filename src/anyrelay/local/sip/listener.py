"""A listener in front of the SIP stack's own listeners: refuse INVITEs that break the stack, take REGISTERs, set credentials.

libre hands every message to its listeners in turn, and any listener may answer a request. The listeners of this module need no
second parser, copy no byte, and keep the address of the phone:

- **INVITEs.** When an INVITE makes no dialog (no Contact, a Contact or a Record-Route that cannot be read), the user agents
  of baresip-python 0.5.2a3 answer 500 and free their call, but its table of calls keeps the pointer. After 255 such INVITEs
  every call is refused, and stopping the stack ends in SIGABRT or SIGSEGV (docs/explanation/sip-stack.md). So the listener asks
  libre first whether the dialog can be made, and answers 400 when it cannot. The listener answers 503 to an INVITE that comes
  before the user agents are made: the stack alone would answer 404, and the caller would not try again.
- **REGISTER.** The stack answers 501. So a `Registrar` takes the REGISTER, without a password, as INVITEs are taken.
- **Challenges.** The stack answers a 401 or a 407 by itself, with the credentials of its account, which all calls share. So the
  listener sets the account's credentials to those of the challenged REFER, or to none, before the stack sees the challenge.
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
"""libre's numbers of the headers above (``enum sip_hdrid``); these two are WWW-Authenticate and Proxy-Authenticate."""

_Handler = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)

_FUNCTIONS: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "uag_sip": (ctypes.c_void_p, ()),
    "re_thread_enter": (None, ()),
    "re_thread_leave": (None, ()),
    "sip_listen": (ctypes.c_int, (ctypes.c_void_p,) * 2 + (ctypes.c_bool, _Handler, ctypes.c_void_p)),
    "sip_msg_hdr": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "sip_dialog_accept": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p)),
    "sip_treply": (ctypes.c_int, (ctypes.c_void_p,) * 3 + (ctypes.c_uint16, ctypes.c_char_p)),
    # The last argument is a printf format without arguments of its own, so a % in the text is doubled.
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
"""The functions of libre and baresip that are called, each with its result and its arguments."""


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
    """Listens in front of all other listeners. Keep the object as long as the stack runs: libre calls its methods."""

    refused: int
    """How many INVITEs were refused because libre cannot make their dialogs."""
    registrar: Registrar
    """The phones that have registered."""
    takes_calls: bool
    """Whether the user agents are made, which then get the INVITEs."""

    def __init__(self, library: str) -> None:
        """Load the functions of the stack.

        Args:
            library: The path of the stack's native module.

        Raises:
            OSError: The native module cannot be loaded.
            AttributeError: The native module does not export a function of libre.
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
        """Put this listener in front of the listeners of the running stack.

        Raises:
            OSError: libre refused the listener.
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
        """Answer challenges of a call's REFERs with these credentials."""
        self._credentials[call_id.encode()] = username.encode(), password.encode()

    def forget_credentials(self, call_id: str) -> None:
        """Answer challenges of a call's REFERs no more."""
        self._credentials.pop(call_id.encode(), None)

    def _on_request(self, message: int, _: int) -> bool:
        """Answer a REGISTER, and an INVITE that breaks the user agents; leave all others to the stack. SIP THREAD."""
        try:
            # libre has checked that CSeq names the method of the request.
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
        """Set the credentials for a challenge; the stack's own listeners take the response. SIP THREAD."""
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
            logger.exception("the credentials for a challenge could not be set")
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
        """Return whether an INVITE is outside of a dialog."""
        return b"tag=" not in self._value(message, _TO).lower().replace(b" ", b"")

    def _value(self, message: int, header: int) -> bytes:
        found = self._call["sip_msg_hdr"](message, header)
        if not found:
            return b""
        value = _Header.from_address(found).value
        return ctypes.string_at(value.start, value.length) if value.length else b""
