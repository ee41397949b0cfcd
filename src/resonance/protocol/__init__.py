"""The native protocol without I/O: packets from bytes and back, and what a client does with them."""
