"""What the buttons of the console do. Every function is the answer to a POST: it acts, then says where to look."""

from __future__ import annotations

from typing import Any

from atilite.console import actions, confirm, forms, kv, lines, schedules, words
from atilite.console.desk import Visit
from atilite.console.flash import Flash
from atilite.errors import Error, ParameterError, RunSkipped, TaskError, TaskTimeout
from atilite.runtime.promise import Promise

STORE_SECONDS = 10.0
SWITCH_SECONDS = 2.0
DONE = {"start": "started", "stop": "stopped", "restart": "restarted", "pause": "paused", "resume": "resumed"}


def start(visit: Visit) -> Any:
    """Run an action with the parameters of its form; what is wrong with them is told on the form.

    An action that asks before it runs shows the values first, unless the form has asked itself.
    """
    action = visit.reads.action(visit.path("name"))
    _demand(visit, action)
    raw, said = forms.sent(action.schema, visit.was.request.FORM), visit.field(confirm.FIELD)
    dry = action.dry and raw.get(actions.DRY) == "true"
    asks = action.confirm and action.schema.fields and said != confirm.YES and not dry
    if said == confirm.REFRESH:
        return visit.render("action.html", actions.filled(visit, action, raw, {}))
    if said == confirm.NO and not action.schema.fields:
        return visit.go("/actions")
    if said == confirm.NO or (asks and not confirm.carried(action.schema)):
        return visit.render("action.html", actions.filled(visit, action, raw, {}))
    try:
        if asks:
            action.schema.check(raw)
            return visit.render("confirm.html", confirm.page(action, raw))
        return _started(visit, action, raw)
    except ParameterError as faults:
        return visit.refuse("action.html", actions.filled(visit, action, raw, faults.fields))


def again(visit: Visit) -> Any:
    """Run an action once more with the parameters of an earlier run; a form asks for those that are not stored."""
    headline = visit.reads.headline(visit.path("number"))
    action = visit.reads.action_of(headline)
    if action is None:
        raise Error(404, f"{headline.operation} is no action of this program, so it cannot be run again from here")
    _demand(visit, action)
    fields = action.schema.fields
    if any(item.kind in ("secret", "upload") and headline.parameters.get(item.name) for item in fields):
        return visit.go(f"{lines.action_path(action.name)}?from={headline.id}")
    known = {item.name for item in fields}
    raw = {name: value for name, value in headline.parameters.items() if name in known}
    if action.confirm:
        return visit.render("confirm.html", confirm.page(action, raw))
    try:
        return _started(visit, action, raw)
    except ParameterError as faults:
        return visit.refuse("action.html", actions.filled(visit, action, raw, faults.fields))


def _demand(visit: Visit, action: Any) -> None:
    visit.desk.site.access.check(visit.identity, action.role)


def _started(visit: Visit, action: Any, raw: dict[str, Any]) -> Any:
    try:
        number, _ = visit.reads.catalogue.start_action(action.name, raw, "console", visit.identity.name)
    except RunSkipped as skipped:
        text = f"{action.name} is running already, so it was not started again."
        return visit.go(f"/runs/{skipped.running}", Flash(text))
    stored: Promise[Any] = Promise()
    visit.reads.catalogue.journals.stored(stored.settle)
    stored.wait(STORE_SECONDS)
    if number <= 0:  # an action that keeps no journal has no page
        return visit.go("/actions", Flash(f"{action.name} started; it keeps no record of its runs."))
    return visit.go(f"/runs/{number}")


def cancel(visit: Visit) -> Any:
    """Ask a run to end."""
    headline = visit.reads.headline(visit.path("number"))
    heard = visit.reads.catalogue.cancel(headline.id)
    text = f"{headline.operation} #{headline.id} was asked to end." if heard else "The run had ended already."
    return visit.go(f"/runs/{headline.id}", Flash(text))


def service(visit: Visit) -> Any:
    """Start, stop or restart a service."""
    name, verb = visit.path("name"), visit.path("verb")
    try:
        switched = getattr(visit.reads.catalogue.service(name), verb)()
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0] if unknown.args else unknown)) from None
    try:
        switched.fetch(SWITCH_SECONDS)
    except TaskTimeout:  # it takes its time: the page shows how far it is
        return visit.go(f"/services#{words.slug(name)}", Flash(f"{name} is being {DONE[verb]}."))
    except TaskError as refused:  # by a hook, or because there is nothing that could be started
        return visit.go(f"/services#{words.slug(name)}", Flash(f"{name} was not {DONE[verb]}: {refused}."))
    return visit.go(f"/services#{words.slug(name)}", Flash(f"{name}: {DONE[verb]}."))


def schedule(visit: Visit) -> Any:
    """Pause or resume a schedule."""
    verb = visit.path("verb")
    try:
        plan = visit.reads.catalogue.schedule(visit.path("id"))
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0] if unknown.args else unknown)) from None
    getattr(visit.reads.catalogue, f"{verb}_schedule")(plan.id).fetch(STORE_SECONDS)
    anchor = schedules.anchors(visit.reads.catalogue.schedules)[plan.id]
    return visit.go(f"/schedules#{anchor}", Flash(f"{plan.action}: schedule {DONE[verb]}."))


def pause_all(visit: Visit) -> Any:
    """Pause every schedule."""
    plans = [plan for plan in visit.reads.catalogue.schedules if not plan.paused]
    for paused in [visit.reads.catalogue.pause_schedule(plan.id) for plan in plans]:
        paused.fetch(STORE_SECONDS)
    return visit.go("/schedules", Flash(f"{words.plural(len(plans), 'schedule')} paused."))


def store_value(visit: Visit) -> Any:
    """Save or delete a value, unless somebody changed it since the form was made."""
    namespace, key = visit.path("namespace"), visit.path("key") or visit.field("key")
    namespace = visit.field("namespace") or namespace
    if not key or not namespace:
        raise Error(400, "a key and its namespace need at least one character")
    sent = visit.field("version")
    version = int(sent) if sent.isdigit() else 0
    if visit.field("delete"):
        return _delete(visit, namespace, key, version)
    return _save(visit, namespace, key, version)


def _save(visit: Visit, namespace: str, key: str, version: int) -> Any:
    text = visit.field("value")
    try:
        value, ttl = kv.value_of(text), kv.seconds(visit.field("ttl"))
    except ValueError as fault:
        return _unsaved(visit, namespace, key, text, words.sentence(str(fault)))
    saved: Promise[Any] = Promise()
    visit.reads.kv.replace(namespace, key, value, version, ttl=ttl, who=visit.identity.name, done=saved.settle)
    if not saved.wait(STORE_SECONDS):
        return _unsaved(visit, namespace, key, text, _changed(visit, namespace, key), "409 Conflict")
    return visit.go(f"{kv.path_of(namespace, key)}#edit", Flash(f"{key} saved."))


def _delete(visit: Visit, namespace: str, key: str, version: int) -> Any:
    removed: Promise[Any] = Promise()
    visit.reads.kv.withdraw(namespace, key, version, done=removed.settle)
    if not removed.wait(STORE_SECONDS) and visit.reads.kv.item(namespace, key) is not None:
        text = visit.field("value")
        return _unsaved(visit, namespace, key, text, _changed(visit, namespace, key), "409 Conflict")
    return visit.go(kv.path_of(namespace), Flash(f"{key} deleted."))


def _changed(visit: Visit, namespace: str, key: str) -> str:
    item = visit.reads.kv.item(namespace, key)
    if item is None:
        return "Somebody deleted this key meanwhile. Saving again stores it anew."
    by = f" by {item.who}" if item.who else ""
    return f"Somebody changed it meanwhile: version {item.version}{by}. Saving again overwrites that."


def _unsaved(visit: Visit, namespace: str, key: str, text: str, error: str, status: str = "400 Bad Request") -> Any:
    item = visit.reads.kv.item(namespace, key)
    editor = kv.refused(item, namespace, key, visit.at, text, visit.field("ttl"), error)
    return visit.refuse("kv.html", kv.listing(visit, editor), status)
