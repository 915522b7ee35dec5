"""Transfer each caller, on a plain select loop: the core without a front end.

It reads SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE.
"""

import logging
import os
import random
import select
import signal
import socket
import ssl
import time
import uuid
from collections import deque
from contextlib import suppress

from anyrelay.protocol import (
    ClientSettings,
    ClientState,
    CloseTransport,
    HandlerQueue,
    LogEntry,
    OpenTransport,
    RunHandler,
    Session,
    parse_host,
)

log = logging.getLogger("select_loop")
now = time.monotonic


class SelectDriver:
    """Drives one session: its socket, its deadlines and its outputs."""

    def __init__(self, session, handle_call):
        self.session = session
        self.handle_call = handle_call
        self.socket = None
        self.unsent = b""
        self.resumable = deque()  # handlers whose promise has its result
        self.signals, self.signalled = socket.socketpair()
        self.signalled.setblocking(False)

    def run(self):
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.set_wakeup_fd(self.signalled.fileno())
        self.session.takes_calls(True)
        self.session.serve(now())
        self.follow_outputs()
        while self.socket or self.session.state is not ClientState.CLOSED:
            self.wait()
            self.follow_outputs()

    def wait(self):
        """Sleep until something arrives or is due, and tell the session."""
        session, sock = self.session, self.socket
        self.unsent = self.unsent or session.data_to_send()
        deadline = session.next_deadline()
        timeout = None if deadline is None else max(0, deadline - now())
        reads = [self.signals, sock] if sock else [self.signals]
        writes = [sock] if sock and self.unsent else []
        readable, writable, _ = select.select(reads, writes, [], timeout)
        try:
            if sock and writable:
                self.unsent = self.unsent[sock.send(self.unsent) :]
            if sock not in readable:
                session.handle_timeout(now())
            elif data := sock.recv(65536):  # arrivals count before deadlines
                session.receive_data(data, now())
            else:
                session.receive_eof(now())
        except OSError as error:
            session.transport_failed(error, now())
        if self.signals in readable:
            self.signals.recv(1)
            session.signal_received(now())

    def follow_outputs(self):
        while self.session.outputs or self.resumable:
            if self.resumable:
                self.resume(*self.resumable.popleft())
            else:
                self.follow(self.session.outputs.popleft())

    def follow(self, output):
        match output:
            case OpenTransport(host, port):
                try:
                    self.socket = socket.create_connection((host, port), 10)
                except OSError as error:
                    self.session.transport_failed(error, now())
                else:
                    self.socket.setblocking(False)
                    self.session.transport_opened(now())
            case CloseTransport(final_bytes) if self.socket:
                with suppress(OSError), self.socket:
                    self.socket.send(final_bytes)
                self.socket, self.unsent = None, b""
            case RunHandler(call):
                self.resume(call, self.handle_call(call))
            case HandlerQueue() as queue:
                while callback := queue.take():
                    try:
                        callback.handler(callback.subject)
                    except Exception as error:
                        self.session.callback_failed(queue, error)
            case LogEntry(level, text, error=error):
                log.log(level, text, exc_info=error)

    def resume(self, call, steps):
        """Run a handler until it waits for a promise, or ends."""
        try:
            promise = next(steps)
        except StopIteration:
            self.session.handler_finished(call, None, now())
        except Exception as error:
            self.session.handler_finished(call, error, now())
        else:
            # The core calls this amid its work, where nothing may use it.
            promise.on_ready(lambda: self.resumable.append((call, steps)))


def result_of(promise):
    yield promise
    return promise.result()


def handle_call(call):
    yield from result_of(call.answer(now()))
    support = "sip:support@example.com"
    outcome = yield from result_of(call.refer_and_wait(now(), support))
    print(outcome.status, outcome.notify_response_code, flush=True)


def main():
    logging.basicConfig(level=logging.INFO)
    server = parse_host(os.environ["SIGNALWIRE_SPACE"])
    settings = ClientSettings(
        project=os.environ["SIGNALWIRE_PROJECT_ID"],
        token=os.environ["SIGNALWIRE_API_TOKEN"],
        server=server,
        tls=ssl.create_default_context() if server.encrypted else None,
        contexts=["default"],
    )
    session = Session(
        settings, new_id=lambda: str(uuid.uuid4()), random=random.random
    )
    SelectDriver(session, handle_call).run()


if __name__ == "__main__":
    main()
