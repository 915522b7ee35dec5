"""The parts that all other layers use: promises, timers, queues of callbacks, compact memory."""
