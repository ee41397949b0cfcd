"""The composition root: configuration in, engines and roles out. Nothing else knows which engine is used."""
