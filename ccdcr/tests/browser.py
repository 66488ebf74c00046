# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A browser to drive: Chromium's own protocol through two pipes, nothing installed."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIETLY = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
)
_KEYS = {"/": "Slash", "+": "Equal", "-": "Minus"}
_NAMED = {
    "ArrowDown": 40,
    "ArrowUp": 38,
    "Enter": 13,
    "Escape": 27,
    "PageDown": 34,
    "Tab": 9,
}


def find():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, profile, *, width=1280, height=800):
        command = [
            find(),
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            *_QUIETLY,
            "about:blank",
        ]
        self._in, theirs_out = os.pipe()
        theirs_in, self._out = os.pipe()
        # the browser reads at 3 and writes at 4; our ends may have these numbers
        moved = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        actions = [(os.POSIX_SPAWN_DUP2, end, 3 + k) for k, end in enumerate(moved)]
        for number in range(3):
            how = (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0)
            actions.append(how)
        self._pid = os.posix_spawn(
            command[0], command, os.environ, file_actions=actions
        )
        for end in (theirs_in, theirs_out, *moved):
            os.close(end)
        self._left = b""
        self._numbers = itertools.count(1)
        self.events = []
        self._session = None
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        options = {"targetId": target, "flatten": True}
        self._session = self.send("Target.attachToTarget", **options)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        try:
            self.send("Browser.close")
        except (OSError, TimeoutError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._in)
        os.close(self._out)

    def _receive(self, until):
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], max(0, until - time.time()))
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                msg = "the browser does not answer"
                raise TimeoutError(msg)
            self._left += part
        text, _, self._left = self._left.partition(b"\0")
        return json.loads(text)

    def send(self, method, **params):
        """Send a command, and wait for its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session and not method.startswith("Browser."):
            message["sessionId"] = self._session
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._out, text) :]
        until = time.time() + 20
        while True:
            answer = self._receive(until)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def ask(self, expression):
        """Value of a JavaScript expression in the page."""
        options = {"returnByValue": True, "awaitPromise": True}
        answer = self.send("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, expression, seconds=20):
        """Wait until an expression is true."""
        until = time.time() + seconds
        while not self.ask(expression):
            if time.time() > until:
                raise TimeoutError(expression)
            time.sleep(0.02)

    def open(self, path):
        """Load a file, from disk."""
        self.events.clear()
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        ready = "document.readyState === 'complete' && location.protocol === 'file:'"
        self.wait(ready)

    def key(self, key, *, shift=False):
        """Press a key."""
        options = {"key": key, "modifiers": 8 if shift else 0}
        if len(key) == 1:
            code = _KEYS.get(key, f"Key{key.upper()}")
            options |= {"text": key, "code": code}
        else:
            options |= {"code": key, "windowsVirtualKeyCode": _NAMED.get(key, 0)}
            if key == "Enter":
                options["text"] = "\r"
        self.send("Input.dispatchKeyEvent", type="keyDown", **options)
        self.send("Input.dispatchKeyEvent", type="keyUp", **options)

    def type(self, text):
        """Type a text."""
        self.send("Input.insertText", text=text)

    def mouse(self, kind, x, y, **options):
        """Press, release, move the mouse or turn its wheel."""
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **options)

    def click(self, x, y):
        """Click there."""
        for kind in ("Pressed", "Released"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def resize(self, width, height):
        """Size of the window."""
        options = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=False, **options)

    def picture(self, path, *, whole=False):
        """Take a screenshot."""
        options = {"captureBeyondViewport": whole}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {**size, "scale": 1}
        data = self.send("Page.captureScreenshot", format="png", **options)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def downloads(self, folder):
        """Let downloads go to a folder."""
        options = {"behavior": "allow", "downloadPath": str(folder)}
        self.send("Browser.setDownloadBehavior", **options)

    def complaints(self):
        """What the console and the network have to say."""
        self.ask("1")  # what is under way arrives first
        found = []
        for event in self.events:
            method, params = event.get("method", ""), event.get("params", {})
            if method == "Log.entryAdded":
                found.append(params["entry"]["text"])
            elif method == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled":
                found.append(str(params["args"]))
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:")):
                    found.append(url)
        return found
