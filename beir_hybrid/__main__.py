"""``python -m beir_hybrid``."""

from beir_hybrid.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
