"""The journal of a local server: its last messages, calls, sessions and texts, for programs and people that look at it."""
