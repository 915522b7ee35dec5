"""Malformed SIP, of the kinds of RFC 4475 and some more: messages as phones and attackers get them wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

Message = bytes

_NUMBERS = itertools.count(1)
_NUMBER: Final = "@number@"
"""Stands for a number that no other message has: hypothesis wants to draw the same message from the same choices."""


def numbered(message: Message) -> Message:
    """Give a message a number of its own."""
    return message.replace(_NUMBER.encode(), f"{next(_NUMBERS):08}".encode())


METHODS: Final = (
    *(
        "INVITE",
        "INVITE",
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "MESSAGE",
        "INFO",
    ),
    *("PRACK", "UPDATE", "REGISTER", "PUBLISH", "NEWMETHOD", "invite", "!interesting-Method0123456789_*+`.%indeed'~"),
)
CODES: Final = ("100", "180", "200", "202", "302", "401", "407", "481", "486", "503", "603", "699", "000", "4294967301")

SDP: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)

WRONG_VALUES: Final = {
    "Via": (
        *("", "SIP/2.0/UDP", "SIP/7.0/UNKNOWN ;;,;,,", "SIP/2.0/TCP [::1:5060", "SIP/2.0/UDP 256.1.1.1:99999;branch="),
        *("SIP/2.0/UDP h;branch=z9hG4bK;rport=notaport;received=[]", ",", "SIP/2.0/UDP 127.0.0.1:0;branch=z9hG4bK0"),
    ),
    "From": (
        *("", "<", '"unterminated <sip:a@b>;tag=1', "<sip:>;tag=1", "<sip:a@b>;tag=", "sip:a@b?x=y;tag=1", "*;tag=1"),
        *("<sip:\x00@b>;tag=1", '"\\"', "<sip:a@b>;tag=1;tag=2", "<tel:+1>;tag=1", "<sips:a@[::1]:70000>;tag=1"),
    ),
    "To": (
        *("", "<sip:", '"Mr. J. User <sip:j@example.com> <sip:k@example.com>', "<sip:a@b>;tag=none", ";tag=", "<>;;;"),
        *("isbn:2983792873", "<http://example.com>", '"a" "b" <sip:c@d>', "<sip:a%00b@c%zz>"),
    ),
    "Call-ID": ("", "@", "a b c", "\x7f", "x" * 1_000, '"quoted"'),
    "CSeq": ("", "0", "INVITE", "-1 INVITE", "4294967296 INVITE", "1 BYE", "1INVITE", "36893488147419103232 REGISTER"),
    "Contact": (
        *("", "*", "<", "<sip:>", "<sip:a@b", "sip:a@b;expires=-1", "<nonsense>", '"', "<sip:a@127.0.0.1:99999>", ","),
        *("<sip:a@nowhere.invalid>;;", "<sip:a@[::1>", "tel:+1", "<sip:a@127.0.0.1;transport=carrier-pigeon>"),
    ),
    "Max-Forwards": ("", "0", "-1", "300", "soon"),
    "Content-Type": (
        "",
        "/",
        "application/sdp;;=",
        "multipart/mixed",
        "multipart/mixed;boundary=",
        "text/plain",
        "x" * 300,
    ),
    "Content-Length": ("", "-999", "0", "1", "99999", "4294967296", "ten", "1 2"),
    "Event": ("", ";id=1", "refer;id=", "refer;id=99999999999999", "presence", "refer\x00"),
    "Subscription-State": ("", ";", "active;expires=-1", "terminated;reason=", "active;expires=4294967296", "42"),
    "Refer-To": ("", "<", "<sip:>", "<sip:a@b?Replaces=1%3Bto-tag=2>", "<http://x>", "<sip:a@b>, <sip:c@d>"),
    "Record-Route": ("", "<", "<sip:>", "nonsense", "<sip:a;lr>,<", "<sip:[>"),
    "Route": ("", "<sip:127.0.0.1:1;lr>", "<", "<sip:nowhere.invalid>"),
    "Require": ("nothingSupportsThis", "100rel", "", "replaces,timer"),
    "Replaces": ("", "1;to-tag=2;from-tag=3", ";;", "a;early-only"),
    "Session-Expires": ("0", "-1", "1;refresher=nobody", "99999999999"),
    "Authorization": ("", "Digest", 'Digest username="', "NoOneKnowsThisScheme opaque=x", "Basic \xff"),
    "RAck": ("", "1 2", "4294967296 1 INVITE"),
    "Date": ("Fri, 01 Jan 2010 16:00:00 EST",),
    "Warning": ('1812 overture "In Progress', "999"),
}
"""Values that are wrong, odd or too much, by the header that has them."""

BODIES: Final = (
    *(
        "",
        SDP,
        SDP.replace("\r\n", "\n"),
        SDP.replace("v=0", "v=1"),
        SDP[:40],
        SDP.replace("40000", "99999"),
        "\x00" * 50,
    ),
    *(
        SDP.replace("IP4 127.0.0.1", "IP6 ::1"),
        SDP.replace("RTP/AVP 0", "RTP/AVP"),
        SDP + "a=crypto:1\r\n" * 20,
        SDP * 3,
    ),
    *(
        SDP.replace("m=audio", "m=video"),
        SDP.replace("127.0.0.1", "not.an.address"),
        "v=0\r\nm=audio 1 RTP/AVP 0\r\n" * 60,
    ),
    *(
        SDP + "a=rtpmap:0 /\r\na=fmtp:\r\na=ptime:-1\r\n",
        SDP + "a=ice-ufrag:\r\na=candidate:1 1\r\n",
        "SIP/2.0 200 OK\r\n",
    ),
    *("--x\r\n", "SIP/2.0 99999999999999999999 X", "SIP/2.0 486"),
)


def headers_of(method: str, address: str) -> list[tuple[str, str]]:
    """The headers of a message that would be right."""
    headers = [
        ("Via", f"SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKm{_NUMBER};rport"),
        ("From", f"<sip:odd@127.0.0.1>;tag=m{_NUMBER}"),
        ("To", f"<sip:odd@{address}>"),
        ("Call-ID", f"malformed-{_NUMBER}"),
        ("CSeq", f"1 {method}"),
        ("Max-Forwards", "70"),
        ("Contact", "<sip:odd@127.0.0.1:9>"),
    ]
    if method == "REFER":
        headers.append(("Refer-To", "<sip:x@127.0.0.1:9>"))
    if method in ("NOTIFY", "SUBSCRIBE"):
        headers += [("Event", "refer"), ("Subscription-State", "active;expires=60")]
    return headers


@st.composite
def messages(draw: st.DrawFn, address: str) -> Message:
    """Draw a message with one to three things wrong with it."""
    method = draw(st.sampled_from(METHODS))
    headers = headers_of(method, address)
    body = draw(st.sampled_from(BODIES)) if method in ("INVITE", "NOTIFY", "UPDATE") else ""
    headers += [("Content-Type", "application/sdp"), ("Content-Length", str(len(body)))]
    start = draw(st.sampled_from(_starts(method, address)))
    for _ in range(draw(st.integers(1, 3))):
        headers = draw(st.sampled_from(_FAULTS))(draw, headers)
    end = draw(st.sampled_from(("\r\n",) * 12 + ("\n", "\r", "\r\n\r\n", "\x00\r\n")))
    text = end.join([start, *(f"{name}: {value}" for name, value in headers), "", body])
    data = text.encode("latin-1", "replace")
    return draw(st.sampled_from(_BYTES))(draw, data)


def _starts(method: str, address: str) -> tuple[str, ...]:
    usual = f"{method} sip:odd@{address} SIP/2.0"
    return (
        *((usual,) * 12),
        *(f"SIP/2.0 {code} Reason" for code in CODES),
        f"{method} sip:odd@{address} SIP/7.0",
        f"{method}  sip:odd@{address}  SIP/2.0",
        f"{method} <sip:odd@{address}> SIP/2.0",
        f"{method} sip:odd@{address}; lr SIP/2.0",
        f"{method} sip:%00%FF@{address} SIP/2.0",
        f"{method} sip:@ SIP/2.0",
        f"{method} sips:odd@{address}:99999 SIP/2.0",
        f"{method} soap.beep://x SIP/2.0",
        f"{method} sip:{'a' * 2_000}@{address} SIP/2.0",
        f"{method} tel:+1555 SIP/2.0",
        f"{method} SIP/2.0",
        "SIP/2.0",
        "",
        "GET / HTTP/1.1",
    )


Headers = list[tuple[str, str]]


def _left_out(draw: st.DrawFn, headers: Headers) -> Headers:
    gone = draw(st.integers(0, max(len(headers) - 1, 0)))
    return headers[:gone] + headers[gone + 1 :]


def _twice(draw: st.DrawFn, headers: Headers) -> Headers:
    return [*headers, *headers[draw(st.integers(0, max(len(headers) - 1, 0))) :][:1]]


def _wrong(draw: st.DrawFn, headers: Headers) -> Headers:
    name = draw(st.sampled_from(sorted(WRONG_VALUES)))
    value = draw(st.sampled_from(WRONG_VALUES[name]))
    rest = [header for header in headers if header[0] != name]
    at = draw(st.integers(0, len(rest)))
    return [*rest[:at], (name, value), *rest[at:]]


def _strange(draw: st.DrawFn, headers: Headers) -> Headers:
    name = draw(st.text(st.characters(codec="latin-1"), max_size=8))
    return [*headers, (name, draw(st.text(st.characters(codec="latin-1"), max_size=20)))]


def _many(draw: st.DrawFn, headers: Headers) -> Headers:
    return headers + [("X-Much", "y" * draw(st.sampled_from((1, 300))))] * draw(st.sampled_from((10, 100)))


def _shuffled(draw: st.DrawFn, headers: Headers) -> Headers:
    return list(reversed(headers))


_FAULTS: Final[tuple[Callable[[st.DrawFn, Headers], Headers], ...]] = (
    *(_left_out, _left_out, _wrong, _wrong, _wrong, _twice, _strange, _many, _shuffled),
)


def _as_it_is(draw: st.DrawFn, data: bytes) -> bytes:
    return data


def _cut(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _flipped(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]


def _stuffed(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=12)) + data[at:]


def _random(draw: st.DrawFn, data: bytes) -> bytes:
    return draw(st.binary(max_size=60))


_BYTES: Final = (*((_as_it_is,) * 12), _cut, _cut, _flipped, _flipped, _stuffed, _random)
