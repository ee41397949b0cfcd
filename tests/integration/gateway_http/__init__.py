"""The gateway's HTTP door against scripted services: parsing, answers, refusals, limits."""
