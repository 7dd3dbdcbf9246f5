"""What a run was made with: packages, commit, machine."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import tensorflow as tf

PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard", "pillow")
VECTORS = {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}  # instructions that matter for speed


def versions() -> dict[str, str]:
    """Of Python and the packages that a result may depend on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }


def commit() -> str | None:
    """The commit of this package's work tree, ``-dirty`` if files were changed since; None if it is
    not one, or there is no git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
            capture_output=True, text=True,
        )  # fmt: skip
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None


def machine() -> str:
    """Processor, how many of it, and GPUs, in words."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]
    return f"{processor()}, {os.cpu_count()} processors, {' + '.join(names) or 'no GPU'}"


def processor() -> str:
    """Its name and, if Linux tells, which of the vector instructions it has that matter here."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    fields = dict(
        line.split(":", 1)
        for line in cpuinfo.read_text(encoding="utf-8").splitlines()[:60]
        if ":" in line
    )
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = set(fields.get("flags", "").split()) & VECTORS
    return f"{fields.get('model name', platform.machine())} ({' '.join(sorted(flags))})"
