"""Making an app of what `serve.py` mounts: its hooks, its preferences, its folders, in their order."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from .app import Atilite
from .errors import SetupError
from .mounting import HOOKS, Preference, call_hook
from .store.database import beside


def assemble(site: Any, target: ModuleType | Atilite, pref: Preference, prefix: str, *, again: bool = False) -> Atilite:
    """Make the app that `target` is or makes, ready to serve at `prefix`. Raises what its hooks raise.

    `pref` is added to. With `again`, at a reload, whoever lets it serve tells that it is mounted.
    """
    module = target if isinstance(target, ModuleType) else None
    app = target if isinstance(target, Atilite) else app_of(target, pref)
    furnish(site, app, pref, prefix, module)
    app.put_together(pref, module if any(hasattr(module, hook) for hook in HOOKS) else None, again=again)
    return app


def app_of(module: ModuleType, pref: Preference) -> Atilite:
    """The app that a module makes, after its `__config__` has added to the preferences."""
    if hasattr(module, "__config__"):
        call_hook(module.__config__, pref)
    app = module.__app__() if hasattr(module, "__app__") else getattr(module, "app", None)
    if app is None:
        app = Atilite(module.__name__)
    if not isinstance(app, Atilite):
        raise SetupError(f"__app__() of {module.__name__} returned {type(app).__name__}; it must return an Atilite")
    return app


def furnish(site: Any, app: Atilite, pref: Preference, prefix: str, module: ModuleType | None) -> None:
    """Give an app its site, its preferences and its folders."""
    settings = site.settings
    app.site, app.prefix, app.debug = site, prefix, settings.devel
    app.config.update(vars(pref.config))
    # What the operator wrote below [config] wins over what the program prefers, as with every other setting.
    app.config.update(settings.config)
    for name, value in pref.attributes().items():
        setattr(app, name, value)
    here = Path(module.__file__).parent if module is not None and module.__file__ else site.root
    app.root = here
    more = [site.abspath(folder) for folder in app.config.get("TEMPLATE_DIRS") or ()]
    folders, cache = [here / "templates", *more, site.root / "templates"], beside(settings.db, "-templates")
    app.use_templates(folders, reload=settings.devel, cache=cache)
    if not settings.disable_static:
        for url, path in [*pref.static, *([pref.media] if pref.media else [])]:
            app.set_static(url, site.abspath(path))
