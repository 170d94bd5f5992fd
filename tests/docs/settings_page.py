"""Makes docs/settings.md from the table: `python -m tests.docs.settings_page > docs/settings.md`."""

from __future__ import annotations

from atilite.config import SETTINGS, sample_toml

HEAD = """\
# Settings

Each setting has one name. `allowed_host` is the flag `--allowed-host`, the environment variable `ATILITE_ALLOWED_HOST`
and the line `allowed_host = ...` of `atilite.toml` beside `serve.py`. A flag wins over the environment, the environment
over the file, the file over what the program passes to `atilite.run(...)`, and that over the default. An unknown name
is refused, never ignored, and a value that is not allowed is named together with what is.

Programs that come from BINP may keep their `DB_URL`, which is read as `db`, and `DEV=true`, which is `dev` and
`no_console`.

This page is made from the table in `atilite/config.py`.

| setting | default | it is | meaning |
|---|---|---|---|
"""

FOOT = """
## A file with every default

Values of your own stand below `[config]`; they are `app.config.NAME` in your code. Each `[[BEANS]]` is a
[bean](beans-running.md#beside-the-services-of-a-site) that runs beside the services.

```toml
{sample}
```
"""


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "no" if not value else "yes"
    return "" if value in ("", ()) else f"`{value}`"


def page() -> str:
    """The whole page."""
    rows = [f"| `{row.name}` | {shown(row.default)} | {row.allowed} | {row.help} |" for row in SETTINGS]
    return HEAD + "\n".join(rows) + "\n" + FOOT.format(sample=sample_toml().rstrip())


if __name__ == "__main__":
    print(page(), end="")
