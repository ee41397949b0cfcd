"""gRPC under GoChat's names, for services of that system: `im.logic.v1` and `im.repo.v1` of generation A, and the two
services of seed 003 that have no contract there (`resonance.gochat.v1`).
"""
