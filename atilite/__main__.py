"""`python -m atilite`: the same program as the installed `atilite`."""

from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
