"""Simulated phones, on a virtual clock or a real one."""
