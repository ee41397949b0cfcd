"""The JSON of the API: what bodies look like, and how the domain's values become them.

Flat objects in snake_case; 64-bit ids are strings, seqs numbers; times are milliseconds. Unknown fields of a request
are ignored, so that newer clients can talk to older servers.
"""
