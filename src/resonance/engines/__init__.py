"""Implementations of the ports. Engines know nothing of one another; only `resonance.node` chooses among them."""
