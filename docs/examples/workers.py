"""Several workers on one context: more cores, and updates without a gap.

Run: python workers.py 4

RELAY spreads calls over the clients that receive a context. On SIGHUP the
supervisor starts new workers, waits until they are ready, and lets the old
ones drain: they accept no more calls, and end after their last one. A worker
that dies is replaced.
"""

import os
import signal
import subprocess
import sys
import time

from anyrelay.sync import Call, RelayClient

SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def handle_call(call: Call) -> None:
    call.answer()
    print(f"worker {os.getpid()} serves {call.from_}", flush=True)
    call.play_tts("Thank you for your call.").wait()
    call.hangup()


def work() -> None:
    """Handle calls until SIGTERM, and finish the calls that are up."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    client = RelayClient(contexts=["workers"], on_handler_error="hangup")
    client.on_call(handle_call)
    client.connect()
    os.close(int(sys.argv[2]))  # tells the supervisor that the worker is ready
    client.run()


def start_worker() -> subprocess.Popen[bytes]:
    """Start a worker, and wait until it is ready or has failed."""
    ready, done = os.pipe()
    command = [sys.executable, __file__, "worker", str(done)]
    worker = subprocess.Popen(command, pass_fds=[done])
    os.close(done)
    os.read(ready, 1)  # returns when the worker closes its end of the pipe
    os.close(ready)
    return worker


def replace_dead(worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    if worker.poll() is None:
        return worker
    print(f"worker {worker.pid} has ended: {worker.returncode}", flush=True)
    time.sleep(1)  # a worker that cannot connect does not keep us busy
    return start_worker()


def supervise(count: int) -> None:
    """Keep so many workers running until SIGTERM or Ctrl-C."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    workers = [start_worker() for _ in range(count)]
    draining: list[subprocess.Popen[bytes]] = []
    while True:
        received = signal.sigwait(SIGNALS)
        if received == signal.SIGCHLD:
            workers = [replace_dead(worker) for worker in workers]
            draining = [worker for worker in draining if worker.poll() is None]
            continue
        leaving = workers
        if received == signal.SIGHUP:
            workers = [start_worker() for _ in leaving]
        for worker in leaving:
            worker.terminate()
        draining += leaving
        if received != signal.SIGHUP:
            break
    for worker in draining:
        worker.wait()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work()
    else:
        supervise(int(sys.argv[1]))
