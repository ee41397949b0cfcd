"""One processor per kind of derived work."""
