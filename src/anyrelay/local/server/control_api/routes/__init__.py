"""The operations of the control API, one module for each kind of thing."""
