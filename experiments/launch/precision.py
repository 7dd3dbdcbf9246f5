"""``--precision``: the compute type, and whether the hardware has it."""

from pathlib import Path

import tensorflow as tf

from experiments.launch.errors import UsageError


def dtype_policy(precision: str) -> str:
    """The Keras dtype policy of ``--precision``; warns where the hardware has no bfloat16.

    Raises: UsageError for float16 without a GPU.
    """
    if precision == "bfloat16" and not has_bfloat16():
        print("warning: no bfloat16 in this processor's hardware: it will be slower than float32")
    if precision == "float16" and not tf.config.list_physical_devices("GPU"):
        raise UsageError("--precision float16: is for GPUs; give bfloat16 or float32")
    return precision if precision == "float32" else f"mixed_{precision}"


def has_bfloat16() -> bool:
    """Whether a GPU, or this processor as far as Linux tells, computes in bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else "avx512_bf16"
    return (
        "avx512_bf16" in flags
        or "amx_bf16" in flags
        or bool(tf.config.list_physical_devices("GPU"))
    )
