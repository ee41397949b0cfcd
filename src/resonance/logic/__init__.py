"""The use cases: validates, decides, acknowledges; holds the live routes. Knows no SQL and no socket."""
