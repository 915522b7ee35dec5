"""An exchange with simulated phones and raw RELAY clients, joined in memory, with a clock moved by hand."""

from __future__ import annotations

from inspect import isfunction
from itertools import count

from anyrelay.local.exchange.exchange import Exchange
from anyrelay.local.exchange.outputs import DeleteFile, Flush, PostStatus
from anyrelay.local.exchange.ports import Leg
from anyrelay.local.exchange.reports import CallAnswered
from anyrelay.local.simulated.phones import SimulatedPhones
from anyrelay.protocol.rpc.jsonrpc import Failure, Request, Response, decode, encode_request, encode_result
from anyrelay.protocol.transport.connection import Connection, ConnectionClosed, TextReceived

EPOCH = 1_000_000.0

OPTIONAL_ORDERS = [
    name for name, order in vars(Leg).items() if isfunction(order) and name not in Leg.__abstractmethods__
]
"""The orders that a kind of phone need not serve."""


class RawClient:
    """A RELAY client that only acknowledges by itself."""

    def __init__(self, bench, *, acknowledges=True):
        self.bench = bench
        self.acknowledges = acknowledges
        self.received = []
        self.answers = {}
        self.requests = []
        self.protocol = ""
        self.ids = count(1)
        bench.clients.append(self)
        self.open()

    def open(self):
        """Open a connection."""
        self.closed = None
        self.connection = Connection.client("relay.test", 80, tls=None)
        self.connection.open()
        self.server_side = self.bench.exchange.open_connection(self.bench.now)
        self.bench.settle()

    def sign_in(self, contexts=("default",), *, project="p", token="t", jwt="", event_acks=True, major=2, **more):
        result = self.request(
            "signalwire.connect",
            version={"major": major, "minor": 0, "revision": 0},
            agent="raw",
            event_acks=event_acks,
            authentication={"jwt_token": jwt} if jwt else {"project": project, "token": token},
            **({} if contexts is None else {"contexts": list(contexts)}),
            **more,
        )
        if isinstance(result, Response):
            self.protocol = result.result["protocol"]
        return result

    @property
    def state(self):
        """The newest authorization_state of the session."""
        return self.events("signalwire.authorization.state")[-1]["params"]["authorization_state"]

    def resume(self, contexts=("default",), **more):
        """Open another connection, and resume the session."""
        protocol, state = self.protocol, self.state
        self.open()
        return self.sign_in(contexts, **{"protocol": protocol, "authorization_state": state} | more)

    def request(self, method, **params):
        """Send a command; return its reply, None when there is none yet."""
        id_ = f"q{next(self.ids)}"
        self.connection.send_text(encode_request(id_, method, params))
        self.bench.settle()
        return self.answers.get(id_)

    def requests_at_once(self, requests):
        """Send commands in one write; return their replies."""
        ids = [f"q{next(self.ids)}" for _ in requests]
        for id_, (method, params) in zip(ids, requests, strict=True):
            self.connection.send_text(encode_request(id_, method, params))
        self.bench.settle()
        return [self.answers[id_] for id_ in ids]

    def command(self, call_id, method, **params):
        """Send a command on a call; return the code and the message of its result."""
        answer = self.request(f"calling.{method}", node_id="n", call_id=call_id, **params)
        if isinstance(answer, Failure):
            return answer.code, answer.message
        return int(answer.result["code"]), answer.result["message"]

    def lose_connection(self):
        self.server_side.receive_eof(self.bench.now)
        self.bench.settle()

    def leave(self):
        self.connection.close()
        self.bench.settle()

    def pump(self):
        """Move all bytes; return whether there were any."""
        moved = False
        if data := self.connection.data_to_send():
            self.server_side.receive_data(data, self.bench.now)
            moved = True
        if self.server_side in self.bench.flushed:
            self._take_what_was_flushed()
            moved = True
        while (event := self.connection.next_event()) is not None:
            match event:
                case TextReceived(text):
                    self._take(decode(text))
                case ConnectionClosed() as closed:
                    self.closed = closed
        return moved

    def _take_what_was_flushed(self):
        self.bench.flushed.discard(self.server_side)
        if (data := self.server_side.data_to_send()) and not self.server_side._dropped:
            self.connection.receive_data(data)
        if self.server_side.wants_eof and not self.connection.closed:
            self.connection.receive_eof()
            self.server_side.receive_eof(self.bench.now)

    def _take(self, message):
        match message:
            case Request(id=id_, method="signalwire.event", params=params):
                self.received.append((id_, params))
            case Request() as request:
                self.requests.append(request)
                id_ = request.id
            case Response(id=id_) | Failure(id=id_):
                self.answers[id_] = message
                return
        if self.acknowledges:
            self.connection.send_text(encode_result(id_, {}))

    def operation(self, event, control_id):
        """The parameters of the events of an operation, without those that name the call and the operation."""
        names = ("call_id", "node_id", "segment_id", "control_id")
        found = [each["params"] for each in self.events(event) if each["params"].get("control_id") == control_id]
        return [{name: value for name, value in params.items() if name not in names} for params in found]

    # --- what was heard

    @property
    def calls(self):
        """The offered calls, in order."""
        return [event["params"]["call_id"] for event in self.events("calling.call.receive")]

    def events(self, event_type):
        return [envelope for _, envelope in self.received if envelope["event_type"] == event_type]

    def states(self, call_id):
        events = [event["params"] for event in self.events("calling.call.state")]
        return [event["call_state"] for event in events if event["call_id"] == call_id]

    def plays(self):
        return [(event["params"]["control_id"], event["params"]["state"]) for event in self.events("calling.call.play")]

    def refers(self):
        """State word, REFER code and NOTIFY code of each report, with the time since 0."""
        return [
            (
                event["params"]["state"],
                event["params"].get("sip_refer_response_code", ""),
                event["params"].get("sip_notify_response_code", ""),
            )
            for event in self.events("calling.call.refer")
        ]

    def refer_times(self):
        return [round(event["timestamp"] - EPOCH, 6) for event in self.events("calling.call.refer")]


class RecordingLeg(Leg):
    """A phone that does nothing by itself; it keeps the commands that it got."""

    def __init__(self):
        self.orders = []

    def answer(self):
        self.orders.append("answer")

    def refuse(self, code):
        self.orders.append(f"refuse {code}")

    def hang_up(self):
        self.orders.append("hang up")

    def play(self, control_id, media, *, volume, loop):
        self.orders.append(f"play {media[0].type} {volume} {loop}")

    def stop_play(self, control_id):
        self.orders.append("stop")

    def pause_play(self, control_id):
        self.orders.append("pause")

    def resume_play(self, control_id):
        self.orders.append("resume")

    def set_volume(self, control_id, volume):
        self.orders.append(f"volume {volume}")

    def refer(self, target, *, username=None, password=None):
        self.credentials = username, password
        self.orders.append(f"refer {target}")


def _ordered(name):
    def order(self, *arguments, **options):
        self.orders.append((name, *arguments, *([options] if options else [])))

    return order


class ServingLeg(RecordingLeg):
    """A phone that serves every order; each optional order is kept as its name and its arguments."""

    for name in OPTIONAL_ORDERS:
        locals()[name] = _ordered(name)


class Bench:
    def __init__(self, *, pace=1.0, **settings):
        ids = count(1)
        self.happened = []
        self.posts = []
        self.deleted = []
        self.flushed = set()
        self.clients = []
        self.exchange = Exchange(new_id=lambda: f"x{next(ids)}", epoch=EPOCH, on_event=self.happened.append, **settings)
        self.phones = SimulatedPhones(pace=pace)
        self.phones.start(self.exchange)

    @property
    def now(self):
        return self.exchange.now

    def client(self, contexts=("default",), **settings):
        client = RawClient(self, **settings)
        client.sign_in(contexts)
        return client

    def settle(self):
        """Do everything that happens at the current time."""
        moved = True
        while moved:
            moved = False
            deadline = self.exchange.next_deadline()
            if deadline is not None and deadline <= self.now:
                self.exchange.handle_timeout(self.now)
                moved = True
            while (output := self.exchange.next_output()) is not None:
                match output:
                    case PostStatus():
                        self.posts.append((output.url, output.envelope))
                    case DeleteFile():
                        self.deleted.append(output.path)
                    case Flush():
                        self.flushed.add(output.connection)
            for client in self.clients:
                moved |= client.pump()

    def advance(self, seconds):
        until = self.now + seconds
        self.settle()
        while (deadline := self.exchange.next_deadline()) is not None and deadline <= until:
            self.exchange.handle_timeout(max(deadline, self.now))
            self.settle()
        self.exchange.handle_timeout(until)
        self.settle()

    def dial(self, uri="sip:alice@example.com", **how):
        caller = self.phones.dial(uri, **how)
        self.settle()
        return caller

    def report(self, leg, *reports):
        """Let a phone report, and let everything happen that follows."""
        for report in reports:
            self.exchange.report(self.now, leg, report)
        self.settle()

    def answered(self, client, leg):
        """A call from this phone that `client` has answered: its call_id."""
        self.ring(leg)
        call_id = client.calls[-1]
        assert client.command(call_id, "answer") == (200, "Answered")
        self.report(leg, CallAnswered())
        return call_id

    def ring(self, leg, context="default"):
        """Let a phone call that does nothing by itself."""
        uris = {"from_uri": "sip:alice@example.com", "to_uri": f"sip:{context}@127.0.0.1"}
        assert self.exchange.call_arrived(self.now, leg, context=context, **uris)
        self.settle()

    def call(self, client=None, **how):
        """Make an answered call; return the caller, the client that answered, and the call_id."""
        client = client or self.client()
        caller = self.dial(**how)
        call_id = client.calls[-1]
        assert client.command(call_id, "answer") == (200, "Answered")
        return caller, client, call_id

    def refer(self, client, call_id, uri="sip:support@example.com", **more):
        return client.command(call_id, "refer", device={"type": "sip", "params": {"uri": uri}}, **more)
