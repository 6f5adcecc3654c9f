"""A browser for the tests of this folder; they are skipped, with the reason, where there is none."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import axe
from chromium import Chromium, find_chromium


@pytest.fixture(scope="session")
def browser():
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium is installed (or named in the variable CHROMIUM)")
    started = Chromium(program)
    yield started
    started.close()


@pytest.fixture(scope="session")
def axe_source():
    try:
        return axe.fetch()
    except RuntimeError as reason:
        pytest.skip(f"no axe-core: {reason}; `make axe` fetches it")
