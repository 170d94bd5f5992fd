"""Currency rates: fetched by button or every noon, without holding a thread, shown at /rates."""

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

from atilite import Atilite, Error

DEFAULT_URL = "https://api.frankfurter.dev/v1/latest"


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    kv = app.kv.select("rates")
    url = app.config.get("RATES_URL", DEFAULT_URL)

    @app.schedule("0 12 * * *", missed="once", window="6h")
    @app.action(name="Fetch currency rates", label="rates", timeout=30, overlap="skip")
    def fetch_rates(was: Any, base: str = "EUR") -> Generator[Any, Any, dict[str, Any]]:
        """Ask the rates server for today's rates and keep them."""
        with was.stub(url) as stub:
            # The yield gives the thread back; the coroutine goes on when the answer is there.
            task = yield stub.get("?base={}", base)
        answer = task.fetch()
        if not isinstance(answer, dict) or not isinstance(answer.get("rates"), dict):
            raise Error(502, f"{url} did not answer with rates")
        latest = {
            "base": answer.get("base", base),
            "date": answer.get("date", ""),
            "rates": answer["rates"],
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        yield kv.set(latest=latest)
        app.journal.record("current exchange rates", base=latest["base"], date=latest["date"], count=len(latest["rates"]))
        return {"base": latest["base"], "count": len(latest["rates"])}

    @app.route("", methods=["GET"])
    def page(was: Any) -> Any:
        return was.render("rates.j2", title="Currency rates", latest=kv.get("latest").fetch())

    @app.route("/latest.json", methods=["GET"])
    def latest(was: Any) -> Any:
        stored = kv.get("latest").fetch()
        if stored is None:
            raise was.Error("404 Not Found", "no rates yet; run the action Fetch currency rates")
        return was.API(stored)
