"""A small greenhouse: the program that the browser tests look at. Started as `greenhouse.py FOLDER`."""

from __future__ import annotations

import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from atilite.app import Atilite
from atilite.automation.parameters import Range, Secret
from atilite.config import Settings
from atilite.site import Site

app = Atilite("greenhouse")
go = threading.Event()


@app.action(name="Read sensors", label="sensors")
def read_sensors() -> dict[str, float]:
    """Read the probes and store one sample each"""
    print("probe roof: 4.1")
    app.journal.record("Stored samples", probes=3, roof=4.1)
    return {"roof": 4.1}


@app.action(name="Water", label="garden", confirm="Open the valve?", timeout=60)
def water(
    zone: Literal["north", "south", "seedlings"],
    seconds: Annotated[int, Range(1, 600)] = 30,
    note: str = "",
    at: date | None = None,
    password: Secret | None = None,
    dry_run: bool = True,
) -> None:
    """Open one valve for some seconds"""
    print(f"watering {zone} for {seconds} s")


@app.action(name="Fetch currency rates", label="finance")
def rates() -> None:
    """Store today's euro rates from the bank's feed"""
    app.journal.record("Fetching rates", base="EUR", symbols="USD GBP CHF JPY")
    address = "https://bank.example/rates/of/the/european/central/bank/latest/daily/all?base=EUR"
    raise TimeoutError(f"no answer in 10 s from {address}")


@app.action(name="Prune old photos", label="system", confirm="Deletes the photos of last year for good.")
def prune() -> None:
    """Delete photos that nobody looks at"""


@app.action(name="Count", label="system", role="run")
def count(was: Any, records: Annotated[int, Range(1, 10000)] = 500, pause: float = 0.01) -> int:
    """Record a number at a time"""
    for number in range(records):
        if was.cancelled:
            break
        app.journal.record(f"Counted {number}")
        was.progress(number + 1, records, "Counting")
        time.sleep(pause)
    return records


@app.action(name="Wait", hidden=True)
def wait(was: Any) -> None:
    """Wait until cancelled"""
    app.journal.record("Waiting")
    while not was.cancelled:
        time.sleep(0.02)


@app.service(name="Soil moisture poller")
def poll(was: Any) -> None:
    """Asks the sensors every 10 s"""
    while not was.cancelled:
        time.sleep(0.1)


@app.service(name="GPS reader", restart_delay=30)
def gps() -> None:
    """Reads lines from the USB receiver"""
    raise OSError("device disconnected: /dev/ttyUSB0")


@app.schedule("5 * * * *")
@app.action(name="Send hourly report", label="mail")
def report() -> None:
    """Mail the averages of the last hour"""


if __name__ == "__main__":
    site = Site()
    site.mount("/", app, name="greenhouse")
    database = Path(sys.argv[1]) / "data.db"
    settings = Settings(devel="--devel" in sys.argv, port=0, name="greenhouse", db=f"sqlite:///{database}")
    sys.exit(site.serve(settings))
