"""The client's side of a session: connections, sign-ins, routing of events, draining."""
