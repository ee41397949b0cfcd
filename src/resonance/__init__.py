"""Resonance: an instant-messaging server that starts with one command and grows to a cluster."""

__version__ = "0.1.0"
