"""Tests of the client and of its protocol core."""
