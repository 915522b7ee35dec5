"""What everything above stands on: promises, timers, queues of callbacks, compact memory."""
