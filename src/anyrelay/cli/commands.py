"""The commands and their options. Each command's work is in a module of its own."""

from __future__ import annotations

from typing import Any

import click

from anyrelay.cli.drive.commands import COMMANDS
from anyrelay.cli.ending import ends
from anyrelay.cli.outcomes import FRONTS, PHONES, TARGETS

__all__ = ["anyrelay"]

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="anyrelay")
def anyrelay() -> None:
    """SignalWire RELAY on your own machine: watch a transfer, run a server, print events.

    Start with: anyrelay demo

    Results go to standard output, errors to standard error. The exit status is 0 after success, 1 after a failure, 2 when a
    wrong option or variable kept the command from starting, 130 after Ctrl-C and 143 after SIGTERM.
    """


@anyrelay.command()
@click.option("--phones", type=click.Choice(PHONES), default="sip", help="Real SIP phones, or simulated ones.")
@click.option("--front", type=click.Choice(FRONTS), default="asyncio", help="The front end that the example runs on.")
@click.option("--target", type=click.Choice(TARGETS), default="answer", help="The reaction of the transfer's target.")
@ends
def demo(phones: str, front: str, target: str) -> int:
    """Transfer a call between phones on this machine, and show every message.

    Starts a local RELAY server and two phones, runs the example of the call.refer() page against it, prints the ladder of
    SIP and RELAY messages as they happen, and the outcome of the transfer. No account and no sound card are needed.

    The exit status is 0 when the target's outcome below came true, else 1: answer SUCCEEDED, busy BUSY,
    no-answer NO_ANSWER, decline DECLINED, reject REJECTED, and silent (which rings for ever) UNKNOWN because TIMED_OUT.
    """
    from anyrelay.cli.demo import run_demo

    return run_demo(phones, front, target)


@anyrelay.command()
@click.option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="The address for RELAY clients.")
@click.option("--sip", show_default="127.0.0.1:5060", metavar="HOST:PORT", help="The address for SIP phones.")
@click.option("--phones", type=click.Choice(PHONES), default="sip", help="Real SIP phones, or simulated ones.")
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="How many times as fast as real ones simulated phones ring, speak and press keys.",
)
@click.option(
    "--max-calls",
    type=click.IntRange(1, 250),
    default=200,
    help="The most SIP calls at once; the server refuses further calls.",
)
@click.option("--tls-dir", metavar="DIR", help="Listen with TLS; make (or find) a CA and a certificate there.")
@click.option("--project", help="The project that clients must name; without this option, any project.")
@click.option(
    "--token",
    help="The token that clients must give; else ANYRELAY_SERVE_TOKEN. Without a token, the server accepts any token on "
    "loopback, and makes a token where other machines reach it.",
)
@click.option(
    "--token-file", metavar="FILE", help="A file with that token, which keeps the token out of the list of processes."
)
@click.option("--no-token", is_flag=True, help="Accept every sign-in, from other machines too.")
@click.option(
    "--media-dir", metavar="DIR", help="The directory of files that may be played; without this option, none."
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="HOST",
    help="A host, besides loopback, that commands may reach and that clients may name the server by; may be repeated.",
)
@click.option("--trace", metavar="FILE", help="Record every RELAY message in this file, for anyrelay trace.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="PROJECT:TOKEN-FILE",
    help="A further project, and the file that has its token; may be repeated.",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NUMBER=CONTEXT",
    help="The context that a number belongs to, for calls and text messages; may be repeated.",
)
@click.option(
    "--dial-plan",
    multiple=True,
    metavar="NUMBER=URI",
    help="The SIP URI at which a number is called, or all that begin so: +1555*=sip:{number}@HOST; may be repeated.",
)
@click.option(
    "--sip-certificate",
    metavar="FILE",
    help="A PEM file with a key and its certificates: SIP phones may call over TLS, at the port after that of --sip.",
)
@click.option(
    "--speech-command",
    metavar="COMMAND",
    help="A program, with its arguments, that recognises the speech of SIP phones: it gets the name of a WAV file as a further "
    "argument, and prints the words.",
)
@click.option(
    "--act", is_flag=True, help="With SIP phones too, act the commands that need SignalWire's cloud by scripts."
)
@click.option(
    "--dial-event",
    type=click.Choice(("first", "last")),
    default="last",
    help="Whether calling.call.dial comes before or after the state event of the answered leg.",
)
@click.option("--strict", is_flag=True, help="Refuse commands that RELAY's own schema does not allow.")
@click.option("--http", metavar="HOST:PORT", help="The address of the control API; without this option, none.")
@click.option(
    "--http-token-file",
    metavar="FILE",
    help="A file with the token of the control API; else ANYRELAY_HTTP_TOKEN. Without a token, the control API needs none on "
    "loopback, and makes one where other machines reach it.",
)
@click.option("--ui", is_flag=True, help="Open the page of the control API; its address is 127.0.0.1:4010 by default.")
@click.option(
    "--seed",
    "seed_file",
    metavar="FILE",
    help="A TOML file: projects, numbers, phones, scripts and messages to begin with.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object per line; the first line says that the server is ready.",
)
@ends
def serve(trace: str | None, **options: Any) -> int:
    """Run a RELAY server on this machine, for any RELAY client, until Ctrl-C.

    A SIP phone that calls sip:CONTEXT@HOST:PORT reaches the clients that receive that context.

    The exit status is 0 after Ctrl-C or SIGTERM, and 2 when the server could not start.

    \b
    anyrelay serve --phones simulated
    anyrelay serve --tls-dir certificates --listen 127.0.0.1:8443
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.recording import recording
    from anyrelay.local.process.options import ServeOptions
    from anyrelay.local.process.serve import serve as run_server
    from anyrelay.local.process.serve import token_of_environment

    options["token"] = options["token"] or token_of_environment(options["token_file"], no_token=options["no_token"])
    return recording(trace, lambda **given: run_server(ServeOptions(**given)), **options)


@anyrelay.command()
@click.option(
    "--context", "contexts", multiple=True, metavar="CONTEXT", help="A context to subscribe to; may be repeated."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=10.0, help="The longest time for each step, in seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check.")
@ends
def doctor(contexts: tuple[str, ...], timeout: float, as_json: bool) -> int:
    """Find out why a client does not connect.

    Checks, in this order: the environment variables, the name look-up, TCP, the proxy, the TLS certificate chain, the clock,
    the sign-in, a ping, the contexts, the installed extras, and the port of anyrelay serve. Each line begins with ✓ (right),
    ! (odd), ✗ (wrong) or - (not tried). The line below begins with → and says what to do. The token is never printed.

    The exit status is 0 when no check failed, 1 when one did, and 2 when a variable is missing or wrong.

    \b
    anyrelay doctor
    anyrelay doctor --context default --json
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.doctor.report import run_doctor

    return run_doctor(contexts, timeout=timeout, as_json=as_json)


@anyrelay.command("trace")
@click.argument("source", metavar="FILE|URL")
@click.option(
    "--call", metavar="ID", help="Draw the messages of this call only; the beginning of its call_id is enough."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "svg", "mermaid", "html", "pcap")),
    default="text",
    help="The format of the drawing; or pcap: the SIP messages of one call at URL, for Wireshark.",
)
@click.option("--output", "-o", metavar="FILE", help="The file to write; without this option, standard output.")
@ends
def trace_command(source: str, call: str | None, form: str, output: str | None) -> int:
    """Draw the ladder of a recorded trace, or of what a running server has seen.

    Record a trace with anyrelay serve --trace FILE, anyrelay listen --trace FILE, or RelayClient(trace=FILE). Tokens and
    passwords are struck out of a trace, and telephone numbers are replaced, the same number alike everywhere. URL is that of
    the control API: anyrelay serve --http.

    The exit status is 0, or 2 when FILE is no trace, there is no such call, the call has no SIP messages to save, no server
    replies at URL, or a file cannot be read or written.

    \b
    anyrelay trace calls.relay.jsonl --call 7f0c
    anyrelay trace calls.relay.jsonl --format svg -o calls.svg
    anyrelay trace http://127.0.0.1:4010 --call 7f0c
    anyrelay trace http://127.0.0.1:4010 --call 7f0c --format pcap -o call.pcap
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.trace import run_trace

    return run_trace(source, call=call, form=form, output=output)


@anyrelay.command()
@click.argument("name", metavar="[METHOD]", default="")
@click.option(
    "--format",
    "form",
    type=click.Choice(("jsonschema", "asyncapi")),
    default="jsonschema",
    help="JSON Schema 2020-12, or AsyncAPI 3.1.",
)
@ends
def schema(name: str, form: str) -> int:
    """Print the RELAY protocol for other programs.

    METHOD is a RELAY method such as calling.play, or an event type such as calling.call.play. Without METHOD the document
    describes all messages.

    The exit status is 0, or 2 when RELAY has no such method or event type.

    \b
    anyrelay schema calling.refer
    anyrelay schema --format asyncapi > relay.json
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.schema.command import run_schema

    return run_schema(name, form)


@anyrelay.command()
@click.option("--context", "contexts", multiple=True, metavar="CONTEXT", help="A context to receive; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per event.")
@click.option("--trace", metavar="FILE", help="Record every RELAY message in this file, for anyrelay trace.")
@ends
def listen(contexts: tuple[str, ...], as_json: bool, trace: str | None) -> int:
    """Connect and print every event, until Ctrl-C.

    Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE. Offered calls are
    passed back to routing: other clients still get them.

    The exit status is 0 after Ctrl-C, 1 when the server refused the credentials, 2 when a variable is missing or wrong, or
    FILE cannot be created.
    """
    from anyrelay.cli.listen import run_listen

    return run_listen(contexts or ("default",), as_json=as_json, trace=trace)


@anyrelay.command()
@click.argument("to")
@click.option("--from", "from_", required=True, metavar="CALLER", help="The caller: a number of yours, or a SIP URI.")
@click.option("--say", metavar="TEXT", help="The text to speak once the call is answered.")
@click.option("--refer", metavar="URI", help="Then transfer the call to this SIP URI, and print the outcome.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.001), default=120.0, help="The longest ringing time, in seconds."
)
@ends
def dial(to: str, from_: str, say: str | None, refer: str | None, timeout: float) -> int:
    """Call TO, a telephone number or a SIP URI.

    Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE. Without --say and
    --refer the call lasts until the other side hangs up, or Ctrl-C.

    The exit status is 0 when the call was answered and, with --refer, the transfer succeeded; else 1. It is 2 when a
    wrong argument or variable kept the command from calling. Ctrl-C (130) and SIGTERM (143) hang up.

    \b
    anyrelay dial +15551234567 --from +15557654321 --say "Your table is ready."
    anyrelay dial sip:bob@example.com --from sip:desk@example.com --refer sip:support@example.com
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.dial import run_dial

    return run_dial(to, from_=from_, say_text=say, refer=refer, timeout=timeout)


for _command in COMMANDS:
    anyrelay.add_command(_command)
