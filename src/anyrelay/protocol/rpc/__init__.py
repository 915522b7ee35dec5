"""JSON-RPC 2.0: messages, and the commands that wait for their replies."""
