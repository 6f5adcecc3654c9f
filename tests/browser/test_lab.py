"""JupyterLab as a user meets it: open a notebook, run all cells, no error, the figures are there."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "data" / "demo"
START = "00_start"
OTHERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != START)
CELLS = "window.opened.content.model.toJSON().cells"

pytestmark = pytest.mark.skipif(not DEMO.exists(), reason="needs the demo network: make demo")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on a copy of the notebooks; its address."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    (folder / "data").symlink_to(ROOT / "data")
    settings = folder / "settings" / "@jupyterlab"
    # Cells out of sight are otherwise not drawn, and no news is asked for.
    kept = {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, content in kept.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
    ]
    command += ["--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.news_url=", "--ServerApp.log_level=ERROR", "--ServerApp.port_retries=0"]
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data-of-jupyter"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status", server, folder / "log")
        yield address
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        if server.poll() is None:
            server.kill()
            server.wait()


def _wait_for(address, server, log):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-600:]}")


def find_and_hold(tab, name):
    """Wait for the tab of the notebook, and keep it as ``window.opened``."""
    tab.wait(
        "window.opened = window.jupyterapp && [...window.jupyterapp.shell.widgets('main')]"
        f".find(one => one.context && one.context.path.endsWith('{name}.ipynb')"
        " && one.content.model && one.content.model.cells.length > 2)",
        seconds=120,
    )
    tab.run("window.jupyterapp.shell.activateById(window.opened.id); 0")


def run_all(browser, lab, name, *, seconds):
    """The cells of the notebook after a run of all in JupyterLab, and the tab, still open."""
    tab = browser.page(width=1400, height=1000)
    tab.open(f"{lab}/lab/tree/notebooks/{name}.ipynb", seconds=120)
    find_and_hold(tab, name)
    tab.wait("window.opened.context.sessionContext.session?.kernel?.status === 'idle'", seconds=120)
    # What was saved with the notebook must not pass for what this run shows.
    tab.run("window.jupyterapp.commands.execute('editmenu:clear-all')")
    tab.wait(f"{CELLS}.every(cell => !(cell.outputs || []).length)")
    tab.run(
        "window.ended = 0; window.jupyterapp.commands.execute('notebook:run-all-cells')"
        ".then(() => { window.ended = 1; }); 0"
    )
    tab.wait("window.ended === 1", seconds=seconds)
    return json.loads(tab.run(f"JSON.stringify({CELLS})")), tab


def outputs(cells):
    return [output for cell in cells for output in cell.get("outputs", [])]


def assert_it_ran(cells, tab):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert [one["evalue"] for one in outputs(cells) if one["output_type"] == "error"] == []
    figures = sum("image/png" in one.get("data", {}) for one in outputs(cells))
    shown = tab.run(
        "[...document.querySelectorAll('.jp-OutputArea-output img')]"
        ".filter(image => image.complete && image.naturalWidth > 100 && image.clientWidth > 100).length"
    )
    assert figures >= 1
    assert shown >= figures


def test_the_start_notebook_runs_in_the_lab_and_its_links_lead_to_the_others(browser, lab):
    cells, tab = run_all(browser, lab, START, seconds=180)
    assert_it_ran(cells, tab)
    links = tab.run("[...document.querySelectorAll('.jp-MarkdownOutput a')].map(link => link.href)")
    led_to = {link.split("/files/notebooks/")[-1].split("?")[0] for link in links if "/files/" in link}
    assert {f"{name}.ipynb" for name in OTHERS} <= led_to, links
    tab.close()


@pytest.mark.statistics
@pytest.mark.parametrize("name", OTHERS)
def test_every_notebook_runs_from_top_to_bottom_in_the_lab(browser, lab, name):
    cells, tab = run_all(browser, lab, name, seconds=600)
    assert_it_ran(cells, tab)
    tab.close()
