"""A real Chromium without a window, spoken to over a pipe (the DevTools protocol), by the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
AXE = Path(os.environ.get("IFP_AXE", Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"))
"""The accessibility checks of axe-core (`npm install --no-save axe-core`)."""
PATIENCE = 120.0
"""Seconds after which a browser that says nothing is given up."""


def find_browser() -> str | None:
    """The program, None where none is installed."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


class Page:
    """One tab: what it was asked to load, what of it failed, what it said in its console, and scripts run in it."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from, self._held = to_browser, from_browser, b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.failed: list[str] = []
        self.said: list[str] = []
        self._addresses: dict[str, str] = {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The browser's answer; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            got = self._next()
            if got.get("id") == self._number:
                assert "error" not in got, got["error"]
                return dict(got["result"])
            self._keep(got)

    def open(self, page: Path) -> None:
        """Load a page of the disk, to its end."""
        self.requests, self.failed, self.said = [], [], []
        self.ask("Page.navigate", url=page.absolute().as_uri())
        while (got := self._next()).get("method") != "Page.loadEventFired":
            self._keep(got)

    def run(self, script: str) -> Any:
        """What the expression gives; a promise is waited for."""
        got = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    def resize(self, width: int, height: int = 900) -> None:
        """The size of the window in CSS pixels."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def dark(self, on: bool) -> None:
        """Whether the reader prefers a dark page."""
        value = "dark" if on else "light"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def axe(self) -> list[str]:
        """What axe-core finds in the page that is open: a rule, what it asks for and the first parts that break it."""
        self.run(AXE.read_text(encoding="utf-8") + "; true")
        found: list[str] = self.run(
            "axe.run(document).then((result) => result.violations.map((one) => `${one.id}: ${one.help} "
            "${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`))"
        )
        return found

    def picture(self, path: Path) -> None:
        """The whole page as a png."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page as printed on A4."""
        printed = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(printed["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            got = os.read(self._from, 2**16)
            assert got, "the browser ended"
            self._held += got
        message, self._held = self._held.split(b"\0", 1)
        return dict(json.loads(message))

    def _keep(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
            self._addresses[params["requestId"]] = params["request"]["url"]
        elif event["method"] == "Network.loadingFailed" and not params.get("canceled"):
            self.failed.append(f"{self._addresses.get(params['requestId'])}: {params['errorText']}")
        elif event["method"] == "Runtime.exceptionThrown":
            self.said.append(json.dumps(params["exceptionDetails"]))
        elif event["method"] == "Runtime.consoleAPICalled":
            self.said.append(json.dumps(params["args"]))
        elif event["method"] == "Log.entryAdded":
            self.said.append(params["entry"]["text"])


@contextmanager
def browser_page(program: str, *options: str) -> Iterator[Page]:
    """A tab of a browser that is started, with more options of its command line, and ended here; it keeps nothing."""
    read_here, write_there = os.pipe()
    read_there, write_here = os.pipe()
    with tempfile.TemporaryDirectory(prefix="ifp-browser-") as home:
        # the browser reads from descriptor 3 and writes to 4
        command = [
            "bash", "-c", f'exec "$@" 3<&{read_there} 4>&{write_there}', "bash", program, "--headless=new",
            "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={home}",
            *options,
        ]  # fmt: skip
        started = subprocess.Popen(command, pass_fds=(read_there, write_there), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(read_there)
        os.close(write_there)
        try:
            yield Page(write_here, read_here)
        finally:
            started.terminate()
            started.wait(PATIENCE)
            os.close(write_here)
            os.close(read_here)
