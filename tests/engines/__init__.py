"""Real servers of engines, started by the tests on free ports in temporary folders."""
