"""What pytest loads where atilite is installed. It adds nothing yet: the entry point is taken so that it stays ours."""

from __future__ import annotations
