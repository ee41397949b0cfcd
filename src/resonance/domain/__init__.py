"""What messages, members and rights mean, without any I/O. Imports nothing else of ours."""
