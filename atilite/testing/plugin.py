"""What pytest loads where atilite is installed. The entry point is taken here, so that no other package can take it;
the fixtures of `docs/tutorial.md` are plain functions of `atilite.testing` and need no plugin.
"""

from __future__ import annotations
