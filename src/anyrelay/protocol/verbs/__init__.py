"""What can be done with a call, by concept: each public method of `Call` that sends one command, or starts one operation.

`anyrelay.protocol.call.CallMachine` is made of these classes; its own file holds the call's state and its transfers.
"""
