"""What the tests of beans share."""

from __future__ import annotations

from tests.pod.living import alive as alive
