"""What the roles need from the world outside, as abstract classes. Engines implement them; only `node` knows which."""
