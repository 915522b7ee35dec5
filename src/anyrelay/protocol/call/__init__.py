"""A call: its states, its operations, its transfers; each feature's public methods in a module of its own."""
