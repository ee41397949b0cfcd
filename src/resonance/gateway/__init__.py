"""The front doors: HTTP and WebSocket on one port. Holds connections, but no truth."""
