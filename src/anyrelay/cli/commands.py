"""The commands and their options; what they do is in the module of each."""

from __future__ import annotations

import click

from anyrelay.cli.ending import ends
from anyrelay.cli.outcomes import FRONTS, PHONES, TARGETS

__all__ = ["anyrelay"]

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="anyrelay")
def anyrelay() -> None:
    """SignalWire RELAY on your own machine: see a call transferred, run a server, listen in.

    Start with: anyrelay demo

    Results go to standard output, complaints to standard error. The exit status is 0 when it was done, 1 when it failed, 2
    when nothing was tried because of a wrong option or variable, 130 after Ctrl-C and 143 after SIGTERM.
    """


@anyrelay.command()
@click.option(
    "--phones", type=click.Choice(PHONES), default="sip", show_default=True, help="Real SIP phones, or simulated ones."
)
@click.option(
    "--front", type=click.Choice(FRONTS), default="asyncio", show_default=True, help="What the example runs on."
)
@click.option(
    "--target", type=click.Choice(TARGETS), default="answer", show_default=True, help="What the transfer's target does."
)
@ends
def demo(phones: str, front: str, target: str) -> int:
    """Transfer a call between phones on this machine, and show every message.

    Starts a local RELAY server and two phones, runs the example of the call.refer() page against it, prints the ladder of
    SIP and RELAY messages as they happen, and what became of the transfer. No account and no sound card are needed.

    The exit status is 0 when the outcome is the one that the target should give, else 1: answer SUCCEEDED, busy BUSY,
    no-answer NO_ANSWER, decline DECLINED, reject REJECTED, and silent (which rings for ever) UNKNOWN because TIMED_OUT.
    """
    from anyrelay.cli.demo import run_demo

    return run_demo(phones, front, target)


@anyrelay.command()
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="Where RELAY clients connect."
)
@click.option("--sip", show_default="127.0.0.1:5060", metavar="HOST:PORT", help="Where SIP phones call.")
@click.option(
    "--phones", type=click.Choice(PHONES), default="sip", show_default=True, help="Real SIP phones, or simulated ones."
)
@click.option(
    "--max-calls",
    type=click.IntRange(1, 250),
    default=200,
    show_default=True,
    help="How many calls of SIP phones there may be at once; one more is refused.",
)
@click.option("--tls-dir", metavar="DIR", help="Listen with TLS; make (or find) a CA and a certificate there.")
@click.option("--project", help="The project that clients must name; any when left out.")
@click.option(
    "--token",
    help="The token that clients must give; ANYRELAY_SERVE_TOKEN when left out. Without one any will do on loopback, and "
    "where other machines reach the server it makes one.",
)
@click.option("--token-file", metavar="FILE", help="A file with that token, which then stands in no list of processes.")
@click.option("--no-token", is_flag=True, help="Let anybody sign in, from other machines too.")
@click.option("--media-dir", metavar="DIR", help="The directory below which files may be played; none when left out.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="HOST",
    help="A host that commands may reach besides loopback, and by which clients may reach the server; may be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, the first once it is ready.")
@ends
def serve(
    listen: str,
    sip: str | None,
    phones: str,
    max_calls: int,
    tls_dir: str | None,
    project: str | None,
    token: str | None,
    token_file: str | None,
    no_token: bool,
    media_dir: str | None,
    allowed_hosts: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run a RELAY server on this machine, for any RELAY client, until Ctrl-C.

    A SIP phone that calls sip:CONTEXT@HOST:PORT reaches the clients that receive that context.

    The exit status is 0 after Ctrl-C or SIGTERM, and 2 when it could not be started.

    \b
    anyrelay serve --phones simulated
    anyrelay serve --tls-dir certificates --listen 127.0.0.1:8443
    """  # noqa: D301 - click reads the backspace: what follows is not to be wrapped
    from anyrelay.local.process.serve import serve as run_server
    from anyrelay.local.process.serve import token_of_environment

    return run_server(
        listen=listen,
        sip=sip,
        phones=phones,
        max_calls=max_calls,
        tls_dir=tls_dir,
        project=project,
        token=token or token_of_environment(token_file, no_token=no_token),
        token_file=token_file,
        no_token=no_token,
        media_dir=media_dir,
        allowed_hosts=allowed_hosts,
        as_json=as_json,
    )


@anyrelay.command()
@click.option(
    "--context", "contexts", multiple=True, metavar="CONTEXT", help="A context to receive; may be given again."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event and line.")
@ends
def listen(contexts: tuple[str, ...], as_json: bool) -> int:
    """Connect and print every event, until Ctrl-C.

    Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE. Offered calls are
    passed back to routing, so other clients still get them.

    The exit status is 0 after Ctrl-C, 1 when the server refused the credentials, 2 when a variable is missing or wrong.
    """
    from anyrelay.cli.listen import run_listen

    return run_listen(contexts or ("default",), as_json=as_json)


@anyrelay.command()
@click.argument("to")
@click.option("--from", "from_", required=True, metavar="CALLER", help="Who calls: a number of yours, or a SIP URI.")
@click.option("--say", metavar="TEXT", help="What to say once the call is answered.")
@click.option("--refer", metavar="URI", help="Then transfer the call to this SIP URI, and print what became of it.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    default=120.0,
    show_default=True,
    help="How long it may ring, seconds.",
)
@ends
def dial(to: str, from_: str, say: str | None, refer: str | None, timeout: float) -> int:
    """Call TO, a telephone number or a SIP URI.

    Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE. Without --say and
    --refer the call lasts until the other side hangs up, or Ctrl-C.

    The exit status is 0 when the call was answered and, with --refer, the transfer succeeded; else 1. It is 2 when nobody
    was called, since an argument or a variable is wrong. Ctrl-C (130) and SIGTERM (143) hang up.

    \b
    anyrelay dial +15551234567 --from +15557654321 --say "Your table is ready."
    anyrelay dial sip:bob@example.com --from sip:desk@example.com --refer sip:support@example.com
    """  # noqa: D301 - click reads the backspace: what follows is not to be wrapped
    from anyrelay.cli.dial import run_dial

    return run_dial(to, from_=from_, say_text=say, refer=refer, timeout=timeout)
