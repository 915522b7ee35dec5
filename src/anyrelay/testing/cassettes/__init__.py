"""Cassettes: a trace of a RELAY server is replayed to an application, whose commands are compared with the recorded ones."""
