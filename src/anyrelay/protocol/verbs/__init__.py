"""What can be done with a call, by concept: the public methods of `Call`, but for those that take it or end it.

`anyrelay.protocol.call.CallMachine` is made of these classes; its own file holds the call's state and its operations.
"""
