"""Live configuration in a file that is watched."""
