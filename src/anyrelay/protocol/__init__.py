"""The RELAY protocol as machines without I/O: bytes, times and orders in; bytes, deadlines, promises and orders out.

Nothing in here opens a socket or a file, reads a clock, starts a thread or knows an event loop. Identifiers and jitter
come from factories that are passed in. `tests/test_layers.py` holds this.
"""
