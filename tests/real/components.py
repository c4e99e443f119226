"""Real components that some tests need: found, skipped loudly, or demanded.

On a user's machine a missing component skips the tests that need it, and the run ends with a list
of what was skipped.  With `PANTAU_REQUIRE_REAL=1` (continuous integration) it fails instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from collectors.decoders.native import AVAILABLE
from hatch_build import why_missing

SKIPPED = "real component missing: "
"""How the reason of every such skip begins; the closing summary looks for it."""

_ROOT = Path(__file__).resolve().parents[2]

_INSTALL = {
    "java": "apt-get install default-jre-headless",
    "mvn": "apt-get install maven",
    "strace": "apt-get install strace",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "prometheus-alertmanager": "apt-get install prometheus-alertmanager",
    "amtool": "apt-get install prometheus-alertmanager",
}


def required() -> bool:
    """Tell whether a missing component is a failure here."""
    return os.environ.get("PANTAU_REQUIRE_REAL", "") not in ("", "0")


def missing(what: str, hint: str = "") -> NoReturn:
    """Skip the test, or fail it where components are required, naming `what` is missing."""
    text = SKIPPED + what + (f" ({hint})" if hint else "")
    if required():
        pytest.fail(f"{text}; PANTAU_REQUIRE_REAL is set", pytrace=False)
    pytest.skip(text)


def require_binary(name: str) -> Path:
    """Return the path of a program on PATH, or end the test as `missing` does."""
    found = shutil.which(name)
    if found is None:
        missing(name, _INSTALL.get(name, ""))
    return Path(found)


def require_module(name: str) -> ModuleType:
    """Return an importable module, or end the test as `missing` does."""
    if importlib.util.find_spec(name) is None:
        missing(f"Python module {name}", "make setup")
    return importlib.import_module(name)


def require_compiled_reader() -> None:
    """End the test as `missing` does where the JSON reader of `native/` is not compiled."""
    if not AVAILABLE:
        missing("the compiled JSON reader", why_missing(_ROOT) or "it was compiled just now")
