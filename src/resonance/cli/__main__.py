"""`python -m resonance.cli` is the command `resonance`."""

from resonance.cli import main

if __name__ == "__main__":
    main()
