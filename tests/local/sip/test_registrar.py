"""Registrations of phones, and calls to those that have registered."""

from __future__ import annotations

import pytest

from anyrelay.local.sip import registrar as registrar_module
from anyrelay.local.sip.phones import SipPhones
from anyrelay.local.sip.registrar import RegisterAnswer, Registrar
from tests.local.sip.fake_audio import sine
from tests.local.sip.udp_phone import UdpCall, sip_socket
from tests.support.baresip_phone import baresip_phone
from tests.support.recording_phone_events import RecordingPhoneEvents

TO = "Alice <sip:alice@127.0.0.1:5060>"
PHONE = "<sip:alice@127.0.0.1:5070>"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("contact", "expires", "seconds"),
    [
        (PHONE, "60", 60),
        (f"{PHONE};expires=30;q=0.5", "60", 30),
        (f"{PHONE} ; Expires = 30", "", 30),
        (PHONE, "", 3_600),
        (PHONE, "never", 3_600),
        (PHONE, "9999999999", 3_600),
        (PHONE, "86400", 3_600),
    ],
)
def test_a_phone_is_registered_for_some_time(contact: str, expires: str, seconds: int) -> None:
    clock = Clock()
    registrar = Registrar(clock)
    answer = registrar.register(TO, contact, expires)
    assert answer == RegisterAnswer(200, "OK", f"<sip:alice@127.0.0.1:5070>;expires={seconds}")
    clock.now = seconds - 0.1
    assert registrar.contact_of("alice") == "sip:alice@127.0.0.1:5070"
    clock.now = seconds
    assert registrar.contact_of("alice") == ""
    assert registrar.register(TO, "", "") == RegisterAnswer(200, "OK")


@pytest.mark.parametrize(("contact", "expires"), [("*", "0"), (PHONE, "0"), (f"{PHONE};expires=0", "60")])
def test_a_phone_takes_its_leave(contact: str, expires: str) -> None:
    registrar = Registrar(Clock())
    registrar.register(TO, PHONE, "60")
    assert registrar.register(TO, "", "").contact == f"{PHONE};expires=60"
    assert registrar.register(TO, contact, expires) == RegisterAnswer(200, "OK")
    assert registrar.contact_of("alice") == ""


def test_the_newest_phone_of_a_user_counts() -> None:
    registrar = Registrar(Clock())
    registrar.register(TO, PHONE, "60")
    registrar.register(TO, "<sip:alice@127.0.0.1:5071>", "60")
    assert registrar.contact_of("alice") == "sip:alice@127.0.0.1:5071"
    assert registrar.contact_of("bob") == ""


@pytest.mark.parametrize(
    ("to", "contact", "answer"),
    [
        ("<sip:127.0.0.1>", PHONE, RegisterAnswer(400, "Bad To")),
        ("", PHONE, RegisterAnswer(400, "Bad To")),
        (TO, "<sips:alice@127.0.0.1>", RegisterAnswer(400, "Bad Contact")),
        (TO, "<sip:alice@127.0.0.1;transport=ws>", RegisterAnswer(400, "Bad Contact")),
        (TO, "<mailto:alice@example.com>", RegisterAnswer(400, "Bad Contact")),
    ],
)
def test_what_cannot_be_registered(to: str, contact: str, answer: RegisterAnswer) -> None:
    registrar = Registrar(Clock())
    assert registrar.register(to, contact, "60") == answer
    assert registrar.contact_of("alice") == ""


def test_so_many_users_can_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrar_module, "MOST", 2)
    clock = Clock()
    registrar = Registrar(clock)

    def code(user: str) -> int:
        return registrar.register(f"<sip:{user}@h>", PHONE, "60").code

    assert [code(user) for user in ("a", "b", "c", "a")] == [200, 200, 503, 200]
    clock.now = 61
    assert code("c") == 200


@pytest.mark.anyio
@pytest.mark.sip
async def test_the_answer_has_the_contact_of_the_phone() -> None:
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents())
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address, user="al%20ice")
            contact = f"Contact: <sip:100%25s@{socket.host}>"
            socket.send(call.request("REGISTER", contact, "Expires: 60", uri=f"sip:{phones.address}"))
            answer = await call.final()
            assert (answer.code, answer.header("Contact")) == (200, f"<sip:100%25s@{socket.host}>;expires=60")
            call.cseq += 1
            socket.send(call.request("REGISTER", "Contact: <sips:a@b>", uri=f"sip:{phones.address}"))
            assert (await call.final()).code == 400
            assert await UdpCall(socket, phones.address).call() == 200


@pytest.mark.anyio
@pytest.mark.sip
@pytest.mark.baresip
async def test_a_phone_that_has_registered_is_called_at_its_user() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0", on_message=board.saw) as phones:
        await phones.start(board)
        async with baresip_phone(sine(440, 1), user="alice", registers_at=phones.address):
            await board.until_seen("REGISTER", 1)
            await board.until_seen("SIP/2.0 200", 1)
            leg = phones.call(f"sip:alice@{phones.address}", "sip:shop@example.com", on_ringing=lambda now: None)
            await board.until("answered")
            leg.hang_up()
            await board.until("ended", "hangup")


@pytest.mark.anyio
@pytest.mark.sip
async def test_a_user_whose_phone_has_not_registered_is_not_there() -> None:
    board = RecordingPhoneEvents(wanted=False)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        phones.call(f"sip:alice@{phones.address}", "", on_ringing=lambda now: None)
        assert await board.until("ended") == ("ended", "busy")
