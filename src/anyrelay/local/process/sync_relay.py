"""The local RELAY server for blocking code: the server is a process of its own, so this process needs no event loop."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from anyrelay.local.exchange.ports import TextMessage
from anyrelay.local.json_process import module_command
from anyrelay.local.process.server_process import TOKEN_VARIABLE, ServerProcess
from anyrelay.local.process.sync_scripting import SyncScriptedRelay
from anyrelay.local.server.journal.calls import CallRecord
from anyrelay.local.server.journal.frames import JournalFrame, sent_params
from anyrelay.local.simulated.scripts import Behaviour, describe_behaviour
from anyrelay.protocol.schema import Media, read_media

__all__ = ["SyncCaller", "SyncLocalRelay", "SyncPhones"]


class SyncLocalRelay(SyncScriptedRelay):
    """A RELAY server in a process of its own, with simulated phones behind it.

    The server runs as long as the ``with`` block, and never longer than this process::

        with SyncLocalRelay() as relay:
            relay.phones.add("sip:support@example.com", answers="busy")
            caller = relay.phones.dial("sip:alice@example.com")
    """

    url: str
    """The URL that clients connect to."""
    ca_file: str | None
    """The file of the certificate authority to trust; None without TLS."""
    token: str | None
    """The token that clients must give; None for any token."""
    phones: SyncPhones
    """The simulated phones of the server."""

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1:0",
        tls_dir: str | os.PathLike[str] | None = None,
        project: str | None = None,
        token: str | None = None,
        pace: float = 1.0,
        numbers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a server; nothing happens before ``with``.

        Args:
            listen: The address for clients, host:port; port 0 picks a free port.
            tls_dir: The directory where certificates are found or made; None for plain ws.
            project: The project that clients must name; None for any project.
            token: The token that clients must give. When None, any token will do on the loopback interface; where other
                machines reach the server, it makes a token, which the attribute `token` names.
            pace: How many times as fast as scripted the phones are.
            numbers: The context that each number belongs to, for calls and text messages.
        """
        options = ["--phones", "simulated", "--json", "--quiet", "--journal", "--listen", listen, "--pace", str(pace)]
        if tls_dir is not None:
            options += ["--tls-dir", os.fspath(tls_dir)]
        if project is not None:
            options += ["--project", project]
        for number, context in (numbers or {}).items():
            options += ["--number", f"{number}={context}"]
        self._command = module_command("anyrelay.local", *options)
        self.phones = SyncPhones(self)
        self.ca_file = None
        self.token = token
        self._process: ServerProcess | None = None

    def __enter__(self) -> SyncLocalRelay:
        """Start the server, and wait until it is ready.

        Raises:
            RuntimeError: The server ended first; its standard error says why.
            TimeoutError: The server was not ready in time.
        """
        # The token is in the environment, because the list of processes shows options to every user.
        self._process = ServerProcess(self._command, {TOKEN_VARIABLE: self.token or ""})
        try:
            ready = self._process.ready()
        except BaseException:
            self._process.stop()
            raise
        self.url, self.ca_file = ready["relay"], ready["ca_file"]
        self.token = ready.get("token", self.token)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def frames(self, *, call_id: str | None = None, method: str | None = None) -> list[JournalFrame]:
        """Return the last RELAY messages and steps of phones, as `LocalRelay.frames` does."""
        return [JournalFrame.from_json(written) for written in self.order("frames", call_id=call_id, method=method)]

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the commands that clients sent, such as ``calling.refer``, as `LocalRelay.sent` does."""
        return sent_params(self.frames(method=method))

    @property
    def calls(self) -> list[CallRecord]:
        """The calls that are up, and the last 2,000 that are over, oldest first."""
        return [CallRecord.from_json(written) for written in self.order("calls")]

    def order(self, do: str, *, order_timeout: float = 0.0, **arguments: Any) -> Any:
        """Send an order to the process and return its result, as `SyncScriptedRelay.order` does.

        Raises:
            RuntimeError: The process is not running, or broke.
            TimeoutError: No reply came, or the event that the order waits for did not happen.
        """
        if self._process is None:
            raise RuntimeError("the server is not running: use it inside its with block")
        return self._process.order(do, arguments, order_timeout)


class SyncPhones:
    """The simulated phones of a server in another process."""

    def __init__(self, relay: SyncScriptedRelay) -> None:
        """Hold the phones of this server."""
        self._relay = relay

    def add(self, uri: str, answers: str = "answer", *, ring_time: float = 0.2, code: int | None = None) -> None:
        """Describe a target, as `SimulatedPhones.add` does."""
        self._relay.order("add", uri=uri, answers=answers, ring_time=ring_time, code=code)

    @property
    def texts(self) -> list[TextMessage]:
        """Every text message that the phones were sent, oldest first."""
        sent = self._relay.order("texts")
        return [TextMessage(**{**each, "media": tuple(each["media"]), "tags": tuple(each["tags"])}) for each in sent]

    def called(self, uri: str, timeout: float = 5.0) -> SyncCaller:
        """Wait until a client calls a phone, and return the phone, as `RelayPhones.called` does.

        Raises:
            TimeoutError: No client called the phone within `timeout` seconds.
        """
        number = self._relay.order("called", order_timeout=timeout, uri=uri, timeout=timeout)
        return SyncCaller(self._relay, number, uri)

    def dial(
        self,
        uri: str,
        *,
        context: str = "default",
        on_refer: Behaviour | str | dict[str, Any] | None = None,
        patience: float | None = None,
        hang_up_after: float | None = None,
        wait_for_subscriber: float = 5.0,
    ) -> SyncCaller:
        """Let a phone call a context, as `RelayPhones.dial` does."""
        behaviour = describe_behaviour(on_refer) if isinstance(on_refer, Behaviour) else on_refer
        number = self._relay.order(
            "dial",
            order_timeout=wait_for_subscriber,
            uri=uri,
            context=context,
            on_refer=behaviour,
            patience=patience,
            hang_up_after=hang_up_after,
            wait_for_subscriber=wait_for_subscriber,
        )
        return SyncCaller(self._relay, number, uri)


class SyncCaller:
    """A simulated phone that has called the server."""

    uri: str
    """The SIP URI of the phone."""

    def __init__(self, relay: SyncScriptedRelay, number: int, uri: str) -> None:
        """Hold a caller by its number."""
        self._relay = relay
        self._number = number
        self.uri = uri

    @property
    def state(self) -> str:
        """The state of the call: ringing, answered or ended."""
        return str(self._look()["state"])

    @property
    def end_reason(self) -> str:
        """Why the call ended, in RELAY's words; "" until then."""
        return str(self._look()["end_reason"])

    @property
    def heard(self) -> Sequence[Media]:
        """The media that were played to the phone, each added when it began."""
        heard = self._look()["heard"]
        return read_media(heard) if heard else ()

    @property
    def referred_to(self) -> list[str]:
        """The targets of the REFERs that the phone was sent."""
        return list(self._look()["referred_to"])

    @property
    def transferred_to(self) -> str:
        """The target that the phone talks to once a REFER has succeeded; "" until then."""
        return str(self._look()["transferred_to"])

    @property
    def digits(self) -> str:
        """The digits that the phone was sent."""
        return str(self._look()["digits"])

    @property
    def words(self) -> list[str]:
        """The words that its user heard: of a connected phone, in a conference, or as an echo."""
        return list(self._look()["words"])

    @property
    def user_events(self) -> list[Any]:
        """The events of the application that the phone was handed."""
        return list(self._look()["user_events"])

    @property
    def on_hold(self) -> bool:
        """Whether the call is on hold."""
        return bool(self._look()["on_hold"])

    def hang_up(self) -> None:
        """Hang up."""
        self._relay.order("hang_up", caller=self._number)

    def press(self, digits: str, *, after: float = 0.0) -> None:
        """Press digits, as `SimulatedCaller.press` does.

        Raises:
            ValueError: A digit is not ``0-9 # * A-D w W``.
            TypeError: The digits are no string.
        """
        self._relay.order("press", caller=self._number, digits=digits, after=after)

    def say(self, text: str, *, after: float = 0.0) -> None:
        """Say something, as `SimulatedCaller.say` does.

        Raises:
            TypeError: The text is no string.
        """
        self._relay.order("say", caller=self._number, text=text, after=after)

    def send_tone(self, tone: str, *, after: float = 0.0) -> None:
        """Send the fax tone CED or CNG, as `SimulatedCaller.send_tone` does.

        Raises:
            ValueError: There is no such tone.
            TypeError: The tone is no string.
        """
        self._relay.order("send_tone", caller=self._number, tone=tone, after=after)

    def text(self, body: str, *, to: str, media: Iterable[str] = (), wait_for_subscriber: float = 5.0) -> None:
        """Send a text message, as `RelayCaller.text` does.

        Raises:
            TimeoutError: No client received in the context of the number in time.
        """
        given = {"body": body, "to": to, "media": list(media), "wait_for_subscriber": wait_for_subscriber}
        self._relay.order("text_from", order_timeout=wait_for_subscriber, caller=self._number, **given)

    def answered(self, timeout: float = 5.0) -> None:
        """Wait until the call is answered or over.

        Raises:
            TimeoutError: Neither happened within `timeout` seconds.
        """
        self._wait("answered", timeout)

    def ended(self, timeout: float = 5.0) -> str:
        """Wait until the call is over, and return why it ended.

        Raises:
            TimeoutError: The call was not over within `timeout` seconds.
        """
        self._wait("ended", timeout)
        return self.end_reason

    def _look(self) -> dict[str, Any]:
        seen: dict[str, Any] = self._relay.order("look", caller=self._number)
        return seen

    def _wait(self, state: str, timeout: float) -> None:
        self._relay.order("wait", order_timeout=timeout, caller=self._number, state=state, timeout=timeout)
