"""The commands that drive a running server, and their options. A command of several requests has a module of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Final, NoReturn

import click

from anyrelay.cli.ending import DONE, ends

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from anyrelay.cli.drive.control_api import ControlApi
    from anyrelay.cli.drive.output import Output

__all__ = ["COMMANDS"]

COMPLETION_TIME: Final = 0.5
"""The longest wait for the server at a press of the Tab key, in seconds."""

STATES: Final = ("created", "ringing", "answered", "ending", "ended")


def _complete_call(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the calls that are up and whose id begins as typed."""
    from anyrelay.cli.drive.completion import calls_that_begin

    return calls_that_begin(typed, context.params.get("server"), timeout=COMPLETION_TIME)


def _complete_context(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the contexts that clients receive and that begin as typed."""
    from anyrelay.cli.drive.completion import contexts_that_begin

    return contexts_that_begin(typed, context.params.get("server"), timeout=COMPLETION_TIME)


def _driving(run: Callable[Concatenate[ControlApi, Output, ...], int]) -> Callable[..., NoReturn]:
    """Make a command of a function of a server and an output, which the options of all these commands describe."""

    @click.option(
        "--server",
        metavar="URL",
        envvar="ANYRELAY_SERVER_URL",
        show_envvar=True,
        default="http://127.0.0.1:4010",
        help="The server: what anyrelay serve --http listens on.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
    @ends
    @functools.wraps(run)
    def command(*, server: str, as_json: bool, **arguments: Any) -> int:
        from anyrelay.cli.drive.output import Output, with_server

        return with_server(server, lambda api: run(api, Output(as_json=as_json), **arguments))

    return command


@click.command()
@click.argument("context", shell_complete=_complete_context)
@click.option(
    "--from",
    "from_uri",
    metavar="URI",
    help="The caller: a SIP URI or a number; with SIP phones, the phone that the server rings.",
)
@click.option("--press", metavar="KEYS", help="The keys to press once the call is answered; w is a pause of 0.5 s.")
@click.option("--say", "texts", multiple=True, metavar="TEXT", help="The text to say after that; may be repeated.")
@click.option(
    "--hangup-after", type=click.FloatRange(min=0), metavar="SECONDS", help="Hang up so long after the answer."
)
@click.option("--wait", is_flag=True, help="Wait until the call has ended, and print what happens on it.")
@_driving
def call(api: ControlApi, output: Output, /, context: str, wait: bool, **settings: Any) -> int:
    """Let a phone call CONTEXT at a running server, and print the call's id.

    A simulated phone calls. A server with SIP phones rings the phone --from; once the phone answers, its call is offered to
    the clients that receive CONTEXT. Only simulated phones press, say and hang up by themselves.

    The exit status is 0 when the call was placed and, with --wait, answered; else 1. It is 2 when an argument is wrong.

    \b
    anyrelay call support --press 1w2 --hangup-after 5
    anyrelay call support --from sip:alice@example.com --say "Sales, please." --wait
    anyrelay call support --from sip:alice@127.0.0.1:5060
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.drive.calls import run_call

    return run_call(api, context, output, wait=wait, **settings)


@click.command()
@click.argument("context", default="default", shell_complete=_complete_context)
@click.option("--from", "from_uri", metavar="URI", help="The caller: a SIP URI or a number.")
@click.option("--script", metavar="TEXT", help="What to press and what must happen, or @FILE; without it, type keys.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    help="The longest wait of one statement of the script, in seconds.",
)
@_driving
def phone(api: ControlApi, output: Output, /, context: str, **settings: Any) -> int:
    """Call CONTEXT at a running server, and use the phone in this terminal.

    The application's texts come as lines. Type keys, such as 1 or 1234#, or "say TEXT", or "hangup".

    A script has a statement on each line, or before each semicolon: press KEYS, say 'TEXT', hangup, wait 'TEXT' (pass over
    everything until the application says this) and expect 'TEXT' (the application must say this next). wait and expect
    also take answered, digits KEYS, refer URI, transfer STATE and ended REASON.

    The exit status is 0 when every statement came true, or without a script when the call was answered; else 1. It is 2
    when an argument is wrong.

    \b
    anyrelay phone support
    anyrelay phone support --script "wait 'PIN'; press 1234#; expect ended"
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.drive.phone import run_phone

    return run_phone(api, context, output, **settings)


@click.command()
@click.argument("call", shell_complete=_complete_call)
@click.argument("uri")
@_driving
def refer(api: ControlApi, output: Output, /, call: str, uri: str) -> int:
    """Transfer CALL at a running server: send its phone a SIP REFER to URI.

    CALL is a call's id or the beginning of it, as anyrelay calls prints it.

    The exit status is 0 when the REFER was sent, 1 when the call has ended or cannot be transferred, and 2 when an argument
    is wrong.

    \b
    anyrelay refer 7f0c sip:support@example.com
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.protocol.schema.sip_uri import check_sip_uri

    check_sip_uri(uri, "URI")
    call_id = api.find_call(call)
    output.result(f"{call_id} is referred to {uri}", api.refer(call_id, uri))
    return DONE


@click.command()
@click.argument("to")
@click.argument("body")
@click.option("--from", "from_number", metavar="NUMBER", help="The number that the message comes from.")
@_driving
def text(api: ControlApi, output: Output, /, to: str, body: str, from_number: str | None) -> int:
    """Let a text message with BODY arrive at the number TO of a running server.

    The exit status is 0 when the message was sent to a client, 1 when no client receives it, and 2 when an argument is wrong.

    \b
    anyrelay text +15550000001 "Where is my order?" --from +15557654321
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    message = api.send_text(to, body, from_number=from_number)
    output.result(str(message["id"]), message)
    return DONE


@click.command()
@click.option("--watch", is_flag=True, help="Print each change of a call too, until Ctrl-C.")
@click.option("--state", type=click.Choice(STATES), help="Only calls in this state.")
@click.option("--context", shell_complete=_complete_context, help="Only calls of this context.")
@_driving
def calls(api: ControlApi, output: Output, /, watch: bool, state: str | None, context: str | None) -> int:
    """List the calls of a running server, oldest first.

    The exit status is 0, also after Ctrl-C, and 1 when no server replies or the server ends.

    \b
    anyrelay calls --state answered
    anyrelay calls --watch --json
    """  # noqa: D301 - click reads the backspace: it does not wrap the paragraph
    from anyrelay.cli.drive.calls import list_calls, watch_calls

    run = watch_calls if watch else list_calls
    return run(api, output, state=state, context=context)


@click.command()
@_driving
def reset(api: ControlApi, output: Output, /) -> int:
    """Hang up all calls of a running server, and let it begin anew, with its seed if it has one.

    The server forgets its journal, scripts, faults and phones. Its clients stay connected.

    The exit status is 0, and 1 when no server replies.
    """
    api.reset()
    output.result("the server is reset", {"event": "reset"})
    return DONE


COMMANDS: Final = (call, phone, refer, text, calls, reset)
"""The commands, in the order in which they are listed."""
