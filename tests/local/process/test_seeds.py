"""Seeds: what a server begins with, and each kind of mistake, told with the file, the line and the key."""

from __future__ import annotations

import contextlib

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay import RelayClient
from anyrelay.errors import DialFailed
from anyrelay.local import LocalRelay
from anyrelay.local.process import serve
from anyrelay.local.process.options import ServeOptions, checked_options
from anyrelay.local.process.seed_file import LONGEST, _SeedReader, read_seed
from anyrelay.local.process.seeds import Places, SeedError
from tests.support.places import DOCS

WORLD = """\
[[projects]]
project = "shop"
token_file = "shop.token"

[[projects]]
project = "bank"
token = "PT-of-the-bank"

[numbers]
"+15550000001" = "support"

[[phones]]
uri = "sip:support@example.com"
answers = "busy"
ring_time = 0.5

[[phones]]
uri = "tel:911"

[[scripts]]
method = "calling.ai"
events = [{ params = { state = "finished" }, after = 1 }]

[[scripts]]
method = "calling.denoise"
code = 404

[[messages]]
to = "+15550000001"
from = "+15557654321"
body = "first"

[[messages]]
to = "+15550000001"
body = "second"
media = ["https://example.com/cat.png"]
"""


@pytest.fixture
def seed_of(tmp_path):
    """Return the name of a file with a seed."""

    def write(text: str | bytes) -> str:
        file = tmp_path / "world.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    token = tmp_path / "shop.token"
    token.write_text("PT-of-the-shop\n")
    token.chmod(0o600)
    return write


# --- mistakes -----------------------------------------------------------------------------------------------------------

MISTAKES = {
    "a syntax error": ('[numbers]\n"+1" =\n', '2: "+1": Invalid value, at column 7'),
    "an array without an end": ('[[phones]]\nuri = "sip:a@x.example"\ncode = [', "3: code: Invalid value"),
    "a key twice": ("[[phones]]\ncode = 200\ncode = 300\n", "3: code: Cannot overwrite a value, at column 11"),
    "an unknown table": (
        "\n[phone]\n",
        "2: phone is not known; known are projects, numbers, dial_plan, phones, scripts, messages",
    ),
    "an unknown key": (
        '[[phones]]\nuri = "sip:a@x.example"\nrings = 3\n',
        "3: phones.rings is not known; known are uri, answers, ring_time, code",
    ),
    "a missing key": ('[[phones]]\nuri = "sip:a@x.example"\n[[phones]]\n', "3: phones needs uri"),
    "a table in place of an array": (
        '[phones]\nuri = "sip:a@x.example"\n',
        "1: phones must be an array of tables: begin each table with [[phones]]",
    ),
    "an array in place of a table": ("\nnumbers = []\n", "2: numbers must be a table: begin it with [numbers]"),
    "another word": (
        '[[phones]]\nuri = "sip:a@x.example"\nanswers = "bussy"\n',
        "3: phones.answers must be one of answer, busy, no-answer, decline, silent, reject, not 'bussy'",
    ),
    "a wrong type": (
        '[[phones]]\nring_time = "3"\nuri = "sip:a@x.example"\n',
        "2: phones.ring_time must be a number, from 0 to 1e+06 seconds, not str",
    ),
    "a number out of range": (
        '[[phones]]\nuri = "sip:a@x.example"\ncode = 100\n',
        "3: phones.code must be from 200 to 699, not 100",
    ),
    "no SIP URI": ('[[phones]]\nuri = "alice"\n', "2: phones.uri "),
    "a phone twice": (
        '[[phones]]\nuri = "sip:a@x.example"\n[[phones]]\nuri = "sip:a@X.example"\n',
        "4: phones.uri is in the seed twice",
    ),
    "a number without a context": ('[numbers]\n"+1555" = ""\n', '2: numbers."+1555" must not be empty'),
    "a number with a list": ('[numbers]\n"+1555" = [1]\n', '2: numbers."+1555" must be a string, not list'),
    "a project without a token": ('[[projects]]\nproject = "shop"\n', "1: projects needs one of token and token_file"),
    "a project with two tokens": (
        '[[projects]]\nproject = "shop"\ntoken = "s3cret"\ntoken_file = "x"\n',
        "1: projects needs one of token and token_file",
    ),
    "a token that is no text": ('[[projects]]\nproject = "shop"\ntoken = 17\n', "3: projects.token must be a string"),
    "a file of a token that is not there": (
        '[[projects]]\nproject = "shop"\ntoken_file = "none"\n',
        "3: projects.token_file ",
    ),
    "a project twice": (
        '[[projects]]\nproject = "a"\ntoken = "b"\n[[projects]]\nproject = "a"\ntoken = "c"\n',
        "5: projects.project is in the seed twice",
    ),
    "a command that is not acted": (
        '[[scripts]]\nmethod = "calling.play"\nreply = {}\nevents = []\n',
        "2: scripts.method: calling.play can only be refused; acted commands are ",
    ),
    "a script with another code": (
        '[[scripts]]\nmethod = "calling.ai"\ncode = 302\n',
        "3: scripts.code must be 200, or a refusal from 400 to 599, not 302",
    ),
    "a script twice": (
        '[[scripts]]\nmethod = "calling.ai"\n[[scripts]]\nmethod = "calling.ai"\n',
        "4: scripts.method is in the seed twice",
    ),
    "an event on a line of its own": (
        '[[scripts]]\nmethod = "calling.ai"\nevents = [\n  { params = {} },\n  { params = {}, after = -1 },\n]\n',
        "5: scripts.events.after must be from 0 to 86400 seconds, not -1",
    ),
    "an event without parameters": (
        '[[scripts]]\nmethod = "calling.ai"\n[[scripts.events]]\nafter = 1\n',
        "3: scripts.events needs params",
    ),
    "a date, which JSON does not have": (
        '[[scripts]]\nmethod = "calling.ai"\nreply = { day = 2026-11-30 }\n',
        "3: scripts.reply",
    ),
    "a message to nobody": ('[[messages]]\nbody = "Hello"\n', "1: messages needs to"),
    "a medium that is no URL": (
        '[[messages]]\nto = "+1555"\nmedia = ["cat.png"]\n',
        "3: messages.media[0] must begin with http:// or https://, not 'cat.png'",
    ),
    "a dial plan for simulated phones": (
        '[dial_plan]\n"+1555*" = "sip:{number}@x.example"\n',
        "1: dial_plan is for SIP phones: take --phones sip, or leave it out",
    ),
    "a dial plan of names": (
        '[dial_plan]\n"+1555*" = "sip:{number}@x.example"\nalice = "sip:alice@x.example"\n',
        "3: dial_plan.alice is not right: a dial plan maps numbers such as +15550001111 or +1555*, not 'alice'",
    ),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(text, words, seed_of, capsys):
    file = seed_of(text)
    assert serve.serve(serve.ServeOptions(phones="simulated", seed_file=file)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"anyrelay: {file}:{words}")
    assert err.count("\n") == 1
    assert "s3cret" not in err


def test_all_mistakes_of_a_file_are_told_in_the_order_of_their_lines(seed_of, capsys):
    file = seed_of('[[messages]]\nto = 1\n[[phones]]\ncode = 1\n\n[[phones]]\nanswers = "bussy"\n')
    assert serve.serve(serve.ServeOptions(phones="simulated", seed_file=file)) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"anyrelay: {file}:")[:16] for line in told] == [
        "2: messages.to m",
        "3: phones needs ",
        "4: phones.code m",
        "6: phones needs ",
        "7: phones.answer",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff", "it is not UTF-8 text"),
        (b"#" * (LONGEST + 1), "has more than 1,048,576 characters"),
        (b"a = " + b"[" * 50_000, "has too many arrays or tables within each other"),
    ],
)
def test_a_file_that_is_no_seed(text, words, seed_of):
    with pytest.raises(SeedError, match=words):
        read_seed(seed_of(text))


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert serve.serve(serve.ServeOptions(phones="simulated", seed_file=str(tmp_path / "none.toml"))) == 2
    assert (
        capsys.readouterr().err == f"anyrelay: --seed {tmp_path}/none.toml cannot be read: No such file or directory\n"
    )


def test_simulated_phones_are_not_for_a_server_of_sip_phones(seed_of):
    seed = read_seed(seed_of('\n[[phones]]\nuri = "sip:a@x.example"\n'))
    seed.check_phones("simulated")
    with pytest.raises(SeedError, match=r":2: phones are simulated: take --phones simulated, or leave them out"):
        seed.check_phones("sip")


def test_projects_of_a_seed_and_no_token_contradict_each_other(seed_of, capsys):
    assert serve.serve(serve.ServeOptions(phones="simulated", seed_file=seed_of(WORLD), no_token=True)) == 2
    assert "--no-token and --account, or projects of a seed, contradict each other" in capsys.readouterr().err


KEYS = st.sampled_from(
    [
        "projects",
        "numbers",
        "dial_plan",
        "phones",
        "scripts",
        "messages",
        "events",
        "uri",
        "code",
        "method",
        "params",
        "token",
    ]
)
VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=4), st.dates(), st.just("sip:a@x.example")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_document_is_a_seed_or_a_seed_error(document):
    with contextlib.suppress(SeedError):
        seed = _SeedReader(document, Places("world.toml")).read()
        assert len(seed.phones) == len(document.get("phones", []))


# --- a world without mistakes -------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_phones_scripts_and_messages_of_a_seed(seed_of):
    seed = read_seed(seed_of(WORLD))
    received = []
    async with LocalRelay(numbers=seed.numbers) as relay, anyio.create_task_group() as tasks:
        seed.describe(relay)
        tasks.start_soon(seed.send_messages, relay)
        both = anyio.Event()
        client = RelayClient(project="any", token="any", host=relay.url, contexts=["support"])

        @client.on_message
        async def take(message):
            received.append((message.from_number, message.body, tuple(message.media)))
            if len(received) == 2:
                both.set()

        async with client:
            with anyio.fail_after(10):
                await both.wait()
            with pytest.raises(DialFailed, match="busy"):
                await client.dial(
                    [[{"type": "sip", "params": {"to": "sip:support@example.com", "from": "sip:a@x.example"}}]]
                )
    assert relay.exchange.scripts.get("calling.denoise").code == 404
    assert relay.exchange.scripts.get("calling.ai").events[0].after == 1
    assert sorted(received, key=lambda message: message[1]) == [  # each message has a task of its own
        ("+15557654321", "first", ()),
        ("+15550000000", "second", ("https://example.com/cat.png",)),
    ]


def options_of(file, **settings):
    chosen = {
        "listen": "127.0.0.1:0",
        "sip": None,
        "phones": "simulated",
        "tls_dir": None,
        "project": None,
        "token": None,
    }
    rest = {"as_json": False, "show_frames": False, "quiet": False, "control": False, "pace": 1.0, "seed_file": file}
    return ServeOptions(**{**chosen, **rest, **settings})


def test_options_count_more_than_the_seed(seed_of, tmp_path):
    (tmp_path / "other.token").write_text("PT-of-the-option")
    (tmp_path / "other.token").chmod(0o600)
    options = checked_options(options_of(seed_of(WORLD), accounts=(f"bank:{tmp_path}/other.token",)))
    assert options.tokens == {"shop": "PT-of-the-shop", "bank": "PT-of-the-option"}
    assert options.contexts == {"+15550000001": "support"}
    assert "PT-of" not in repr(options)
    options = checked_options(options_of(seed_of(WORLD), numbers=("+15550000001=sales", "+2=two")))
    assert options.contexts == {"+15550000001": "sales", "+2": "two"}


def test_the_dial_plan_of_a_seed_is_for_sip_phones(seed_of, monkeypatch):
    phones = pytest.importorskip("anyrelay.local.sip.phones", reason="needs the extra sip", exc_type=ImportError)
    plans = []
    monkeypatch.setattr(phones, "SipPhones", lambda *_, dial_plan, **__: plans.append(dial_plan))
    file = seed_of('[dial_plan]\n"+1*" = "sip:{number}@a.example"\n"+2" = "sip:b@b.example"\n')
    options = options_of(file, phones="sip", sip="127.0.0.1:0", dial_plan=("+2=sip:c@c.example",))
    serve._sip_phones(checked_options(options), lambda _: None)
    assert plans == [{"+1*": "sip:{number}@a.example", "+2": "sip:c@c.example"}]


@pytest.mark.parametrize("name", ["world.toml", "menu.toml"])
@pytest.mark.anyio
async def test_the_seeds_of_the_documentation_have_no_mistakes(name):
    seed = read_seed(str(DOCS / "examples" / name))
    async with LocalRelay() as relay:
        seed.describe(relay)
    assert seed.phones[1]["uri"].endswith("@example.com")
