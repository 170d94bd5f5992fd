"""Currency rates: fetched by button or every noon, without holding a thread, shown at /rates."""

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Annotated, Any

from atilite import Atilite, Pattern

# Both may be set in atilite.toml, below [config].
RATES_URL = "https://api.frankfurter.dev/v1/latest"
RATES_TIMEOUT = 10  # seconds

Code = Annotated[str, Pattern("[A-Z]{3}", "must be three capital letters such as EUR")]


def checked(answer: Any, base: str) -> dict[str, Any]:
    """What is kept of a server's answer. Raises ValueError for one without rates."""
    rates = answer.get("rates") if isinstance(answer, dict) else None
    if not isinstance(rates, dict) or not all(type(rate) in (int, float) for rate in rates.values()):
        raise ValueError("the answer has no rates")
    return {"base": str(answer.get("base", base)), "date": str(answer.get("date", "")), "rates": rates}


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    kv = app.kv.select("rates")
    url = app.config.get("RATES_URL", RATES_URL)
    timeout = float(app.config.get("RATES_TIMEOUT", RATES_TIMEOUT))

    @app.schedule("0 12 * * *", missed="once", window="6h")
    @app.action(name="Fetch currency rates", label="rates", timeout=60, overlap="skip")
    def fetch_rates(was: Any, base: Code = "EUR") -> Generator[Any, Any, dict[str, Any]]:
        """Ask the rates server for today's rates and keep them."""
        with was.stub(url, timeout=timeout) as stub:
            # The yield gives the thread back; the function goes on when the answer is there.
            task = yield stub.get("?base={}", base)
        latest = checked(task.fetch(), base)
        latest["fetched"] = datetime.now(UTC).isoformat(timespec="seconds")
        kv.set(latest=latest).commit()
        facts = {"base": latest["base"], "date": latest["date"], "count": len(latest["rates"])}
        app.journal.record("current exchange rates", **facts)
        return facts

    @app.route("", methods=["GET"])
    def page(was: Any) -> Any:
        latest = kv.get("latest").fetch()
        fetched = f"{datetime.fromisoformat(latest['fetched']):%Y-%m-%d %H:%M} UTC" if latest else ""
        return was.render("rates.j2", title="Currency rates", latest=latest, fetched=fetched)

    @app.route("/latest.json", methods=["GET"])
    def latest(was: Any) -> Any:
        stored = kv.get("latest").fetch()
        if stored is None:
            raise was.Error("404 Not Found", "no rates yet; run the action Fetch currency rates")
        return was.API(stored)
