"""What several logics share in Redis."""
