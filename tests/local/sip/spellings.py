"""Ways to spell a SIP message that its grammar allows, or that phones use all the same (RFC 3261 section 25, RFC 4475)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Spelling = Callable[[str], str]

COMPACT: Final = {
    "Via": "v",
    "From": "f",
    "To": "t",
    "Call-ID": "i",
    "Contact": "m",
    "Content-Type": "c",
    "Content-Length": "l",
    "Event": "o",
}
NAMES: Final = (*COMPACT, "CSeq", "Max-Forwards", "Subscription-State")


def named(*names: str, as_: Callable[[str], str]) -> Spelling:
    """Spell the names of some headers otherwise, the colon included."""

    def spell(text: str) -> str:
        for name in names:
            text = re.sub(rf"^{name}: ?", lambda found: as_(found[0].rstrip()[:-1]), text, flags=re.MULTILINE)
        return text

    return spell


def valued(name: str, as_: Callable[[str], str]) -> Spelling:
    """Spell the value of a header otherwise."""
    return lambda text: re.sub(
        rf"^({name}: )([^\r\n]*)", lambda found: found[1] + as_(found[2]), text, count=1, flags=re.MULTILINE
    )


def headed(name: str, *lines: str) -> Spelling:
    """Put header lines before a header."""
    return lambda text: text.replace(f"\r\n{name}:", "".join(f"\r\n{line}" for line in lines) + f"\r\n{name}:", 1)


def bodied(body: Callable[[str], str], content_type: str = "") -> Spelling:
    """Spell the body otherwise, its length with it."""

    def spell(text: str) -> str:
        head, _, old = text.partition("\r\n\r\n")
        new = body(old)
        head = re.sub(r"Content-Length: \d+", f"Content-Length: {len(new.encode())}", head)
        if content_type:
            head = re.sub(r"Content-Type: [^\r\n]*", f"Content-Type: {content_type}", head)
        return f"{head}\r\n\r\n{new}"

    return spell


def multipart(kind: str) -> Spelling:
    return bodied(
        lambda body: (
            f"--cut\r\nContent-Type: text/plain\r\n\r\nHello\r\n--cut\r\nContent-Type: {kind}\r\n\r\n{body}\r\n--cut--\r\n"
        ),
        'multipart/mixed;boundary="cut"',
    )


def both(*spellings: Spelling) -> Spelling:
    def spell(text: str) -> str:
        for spelling in spellings:
            text = spelling(text)
        return text

    return spell


EVERYWHERE: Final[dict[str, Spelling]] = {
    "as it is": lambda text: text,
    "every name in small letters": named(*NAMES, as_=lambda name: f"{name.lower()}: "),
    "every name in capitals": named(*NAMES, as_=lambda name: f"{name.upper()}: "),
    "every compact form": named(*COMPACT, as_=lambda name: f"{COMPACT[name]}: "),
    "compact forms in capitals": named(*COMPACT, as_=lambda name: f"{COMPACT[name].upper()}: "),
    "white space before every colon": named(*NAMES, as_=lambda name: f"{name} : "),
    "a tab before every colon": named(*NAMES, as_=lambda name: f"{name}\t: "),
    "much before every colon": named(*NAMES, as_=lambda name: f"{name} \t  :"),
    "nothing after every colon": named(*NAMES, as_=lambda name: f"{name}:"),
    "tabs after every colon": named(*NAMES, as_=lambda name: f"{name}:\t\t"),
    **{
        f"{name}, compact": named(name, as_=lambda name: f"{COMPACT[name]}: ")
        for name in ("Via", "From", "To", "Call-ID", "Contact", "Content-Length")
    },
    **{
        f"{name}, white space before the colon": named(name, as_=lambda name: f"{name} : ")
        for name in ("Via", "From", "To", "Call-ID", "CSeq", "Contact")
    },
    **{
        f"{name}, folded": named(name, as_=lambda name: f"{name}:\r\n ")
        for name in ("Via", "From", "To", "Call-ID", "CSeq", "Contact")
    },
    "CSeq with a tab": valued("CSeq", lambda value: value.replace(" ", "\t")),
    "CSeq with many blanks": valued("CSeq", lambda value: value.replace(" ", "   \t ")),
    "CSeq over two lines": valued("CSeq", lambda value: value.replace(" ", "\r\n\t")),
    "From with a name": valued("From", lambda value: f"Alice {value}"),
    "From with a quoted name": valued("From", lambda value: f'"Alice, at; her" {value}'),
    "From with an address in its name": valued("From", lambda value: f'"A <sip:no@x>;tag=no" {value}'),
    "From with an escaped quote in its name": valued("From", lambda value: f'"A \\" <sip:no@x>" {value}'),
    "blanks around the tag": valued("From", lambda value: value.replace(";tag=", " ; tag = ")),
    "the tag in capitals": valued("From", lambda value: value.replace(";tag=", ";TAG=")),
    "From with a parameter before the tag": valued("From", lambda value: value.replace(";tag=", ';x="tag=9";tag=')),
    "Via with blanks": valued("Via", lambda value: value.replace("SIP/2.0/", "SIP / 2.0 / ").replace(";", " ; ")),
    "the branch in capitals": valued("Via", lambda value: value.replace(";branch", ";BRANCH")),
    "unknown headers": headed("Max-Forwards", "X-Else: a: b, c", "P-Nothing:", "Subject: SIP/2.0 200 OK"),
    "a folded unknown header": headed("Max-Forwards", "Subject: one", " two: three", "\tfour"),
    "two Vias": headed("From", "Via: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bKsecond"),
    "two Vias on a line": valued("Via", lambda value: f"{value}, SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKsecond"),
    "no Max-Forwards": lambda text: re.sub(r"Max-Forwards: 70\r\n", "", text),
    "LF alone": lambda text: text.replace("\r\n", "\n"),
    "LF alone in the head": lambda text: (
        text.partition("\r\n\r\n")[0].replace("\r\n", "\n") + "\n\n" + text.partition("\r\n\r\n")[2]
    ),
    "CRLF before it": lambda text: f"\r\n\r\n{text}",
    "UTF-8 in a header": headed("Max-Forwards", "Subject: zażółć 電話"),
    "not UTF-8": headed("Max-Forwards", "Subject: \udcff\udcfe"),
    "a long header": headed("Max-Forwards", "Subject: " + "long " * 300),
    "the method in small letters in CSeq": valued("CSeq", lambda value: value.lower()),
}
"""Spellings of any request."""

INVITES: Final[dict[str, Spelling]] = {
    **EVERYWHERE,
    "another To": valued("To", lambda value: value.replace("sales", "reception")),
    "To with an address in its name": valued("To", lambda value: f'"Sales <sip:no@x>" {value}'),
    "To without brackets": valued("To", lambda value: value.strip("<>")),
    "an escaped user": lambda text: text.replace("INVITE sip:sales@", "INVITE sip:s%61les@", 1),
    "parameters of the URI": lambda text: text.replace(" SIP/2.0\r\n", ";user=ip;x=y SIP/2.0\r\n", 1),
    "the scheme in capitals": lambda text: text.replace("INVITE sip:", "INVITE SIP:", 1),
    "a password": lambda text: text.replace("INVITE sip:sales@", "INVITE sip:sales:secret@", 1),
    "no offer": bodied(lambda _: ""),
    "Contact without brackets": valued("Contact", lambda value: value.strip("<>").partition(";")[0]),
    "Contact with a name": valued("Contact", lambda value: f'"A, <b>" {value};expires=60'),
    "two Contacts": valued("Contact", lambda value: f"{value}, <sip:other@127.0.0.1:9>"),
    "a Record-Route": headed("Max-Forwards", "Record-Route: <sip:127.0.0.1:9;lr>"),
    "multipart": multipart("application/sdp"),
    "SDP with LF alone": bodied(lambda body: body.replace("\r\n", "\n")),
    "early offers of many codecs": bodied(lambda body: body.replace("AVP 0", "AVP 18 96 8 0 101")),
}
NOTIFIES: Final[dict[str, Spelling]] = {
    **EVERYWHERE,
    "Event, compact": named("Event", as_=lambda _: "o: "),
    "Event, white space before the colon": named("Event", as_=lambda _: "Event : "),
    "Event in capitals": valued("Event", lambda value: value.upper()),
    "Event with blanks": valued("Event", lambda value: f"{value} ; x = y"),
    "Subscription-State in capitals": valued("Subscription-State", lambda value: value.upper()),
    "Subscription-State with blanks": valued("Subscription-State", lambda value: value.replace(";", " ; ")),
    "Subscription-State, folded": named("Subscription-State", as_=lambda name: f"{name} :\r\n\t"),
    "small letters in the fragment": bodied(lambda body: body.lower()),
    "LF in the fragment": bodied(lambda body: body.replace("\r\n", "\n")),
    "no line end in the fragment": bodied(lambda body: body.strip()),
    "headers in the fragment": bodied(lambda body: f"{body}To: <sip:x@y>\r\nContact: <sip:z@y>\r\n"),
    "headers before the status": bodied(lambda body: f"Contact: <sip:z@y>\r\n{body}"),
    "no reason in the fragment": bodied(lambda _: "SIP/2.0 486\r\n"),
    "multipart": multipart("message/sipfrag"),
    "a wrong Content-Type": valued("Content-Type", lambda _: "text/plain"),
    "blanks in Content-Type": valued("Content-Type", lambda _: "message/sipfrag ; version = 2.0"),
    "no Contact": lambda text: re.sub(r"Contact: [^\r\n]*\r\n", "", text),
}
