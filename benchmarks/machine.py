"""What the figures were measured on, without naming the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from collectors.decoders.native import AVAILABLE

LIBRARIES = ("numpy", "msgspec", "kafka-python", "prometheus-client", "pydantic")


def describe() -> dict[str, str]:
    """Return processor, memory, system, Python, which JSON reader, library versions as texts."""
    return {
        "processor": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "JSON reader": "compiled" if AVAILABLE else "Python",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
