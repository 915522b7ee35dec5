"""The commands that drive a running server by its control API, such as ``anyrelay call`` and ``anyrelay phone``."""
