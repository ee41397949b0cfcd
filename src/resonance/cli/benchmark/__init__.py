"""The benchmark: a server as a process of its own, drivers as further ones, and checks inside every run.

`scenarios` says what is measured, `drive` runs the load in its own process, `server` starts and watches the server.
"""
