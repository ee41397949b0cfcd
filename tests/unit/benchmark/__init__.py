"""Tests of the benchmark: a check that cannot fail proves nothing."""
