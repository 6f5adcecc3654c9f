"""A headless Chromium driven over its own protocol: no driver program, no download, one websocket."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_START_SECONDS = 60


def find_chromium():
    """The path of a browser, from the variable CHROMIUM or among the programs; None without one."""
    given = os.environ.get("CHROMIUM")
    return given or next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """The browser process; ``page()`` opens a tab."""

    def __init__(self, program):
        self._profile = tempfile.TemporaryDirectory(prefix="cxlab-browser-", ignore_cleanup_errors=True)
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-default-apps",
            "--mute-audio",
        ]
        command += ["--remote-debugging-port=0", f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._port = self._wait_for_port()

    def page(self, *, width=1280, height=1000):
        """A new tab of that size, in CSS pixels."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT"
        )
        with urllib.request.urlopen(request, timeout=_START_SECONDS) as answer:
            target = json.load(answer)
        return Page(target["webSocketDebuggerUrl"], width, height)

    def close(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def _wait_for_port(self):
        told = Path(self._profile.name) / "DevToolsActivePort"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if told.exists() and told.read_text().strip():
                return int(told.read_text().split()[0])
            time.sleep(0.05)
        self.close()
        raise RuntimeError("Chromium did not start")


class Page:
    """One tab: what it asked for (``requests``), what it complained about (``complaints``), JavaScript."""

    def __init__(self, address, width, height):
        import websocket

        self._socket = websocket.create_connection(address, timeout=_START_SECONDS, suppress_origin=True)
        self._number = 0
        self.requests, self.complaints, self.loaded = [], [], False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        # A tab without a window has no focus, and a page may wait for it.
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def send(self, method, **parameters):
        """The answer to one command; events that come meanwhile are noted."""
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def open(self, address, *, seconds=60):
        """Load ``address`` and wait until it says that it is loaded."""
        self.requests.clear()
        self.complaints.clear()
        self.loaded = False
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'", seconds=seconds)

    def run(self, script):
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    def wait(self, condition, *, seconds=60):
        """Wait until the JavaScript ``condition`` holds; TimeoutError says which did not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if self.run(f"!!({condition})"):
                    return
            time.sleep(0.2)
        raise TimeoutError(f"after {seconds} s it does not hold that {condition}")

    def close(self):
        with contextlib.suppress(Exception):
            self.send("Page.close")
        self._socket.close()

    def _note(self, message):
        method, given = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"])[:300])
        elif method == "Runtime.consoleAPICalled" and given["type"] in {"error", "assert"}:
            self.complaints.append(
                str([one.get("value", one.get("description")) for one in given["args"]])[:300]
            )
        elif method == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}"[:300])
