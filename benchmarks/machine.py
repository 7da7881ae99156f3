"""What `bench doctor` and runs say of the machine: device, cores, memory, the Slurm job, the disk.

The device is asked in a process of its own, so that a broken framework is a finding and not the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slurm.job import job_facts
from utils.progress import Progress
from utils.threads import allotted_cores

Level = Literal["ok", "note", "problem"]
LEAST_GB = 1.0
"""Below this much free space a run is likely to end with a full disk."""
_PATIENCE = 180
_CPU_FACTS = Path("/proc/cpuinfo")
_ASK_TORCH = """
import json, torch
cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
print(json.dumps({
    "built_for": torch.version.cuda,
    "cards": [{"name": card.name, "memory_gb": round(card.total_memory / 1e9, 1)} for card in cards],
    "bf16": bool(cards) and torch.cuda.is_bf16_supported(),
}))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: the group that it is shown under.
        name: what was looked at.
        value: what was found.
        level: ok; note for what some commands would miss; problem for what will go wrong.
        advice: what to do about it; empty where nothing is needed.
    """

    area: str
    name: str
    value: str
    level: Level = "ok"
    advice: str = ""


def look_at_device() -> Iterator[Finding]:
    """Ask the installed torch, in a process of its own, what it can compute on."""
    answer = _ask(_ASK_TORCH)
    if isinstance(answer, str):
        yield Finding(
            "device", "torch", answer, "problem", "Install it again with: pip install -e '.[torch]'"
        )
        return
    has_bf16 = {True: "yes", False: "no", None: "unknown"}[cpu_has_bf16()]
    yield Finding("device", "cpu", f"bf16 instructions: {has_bf16}")
    for card in answer["cards"]:
        text = f"{card['name']}, {card['memory_gb']} GB, bf16: {'yes' if answer['bf16'] else 'no'}"
        yield Finding("device", "cuda", text)
    if not answer["cards"] and shutil.which("nvidia-smi"):
        built = f"built for CUDA {answer['built_for']}" if answer["built_for"] else "built for CPUs only"
        advice = "torch sees no GPU: compare the driver's CUDA version (nvidia-smi) with torch's."
        yield Finding("device", "cuda", f"torch is {built}", "note", advice)


def _ask(program: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON that a small Python program prints last, or the last line of its error as text."""
    try:
        done = subprocess.run(  # noqa: S603 - the program is ours
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE} seconds"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def cpu_has_bf16() -> bool | None:
    """Say whether the processor multiplies bfloat16 numbers itself; None where the kernel keeps no list."""
    try:
        words = set(_CPU_FACTS.read_text(encoding="utf-8").split())
    except OSError:
        return None
    return not words.isdisjoint(("avx512_bf16", "amx_bf16", "bf16"))


def tell_of_precision(precision: str, device: str, progress: Progress) -> None:
    """Say that bf16 will be slow, before hours are spent on it, where a processor only imitates it.

    Args:
        precision: fp32, bf16 or fp16.
        device: "cpu", or a GPU's name.
        progress: hears the sentence.
    """
    if precision == "bf16" and device == "cpu" and cpu_has_bf16() is False:
        progress.say(
            "This processor has no bf16 instructions: with precision=bf16 it takes longer than with fp32,"
            " up to 9 times. --set precision=fp32 is another recipe, and the faster one here."
        )


def look_at_machine() -> Iterator[Finding]:
    """Say how many cores and how much memory this process may use, and which Slurm job it is part of."""
    yield Finding("machine", "cores", f"{allotted_cores()} allotted")
    yield Finding("machine", "memory", f"{memory_limit() / 1e9:.1f} GB")
    if job := job_facts():
        yield Finding("machine", "slurm", ", ".join(f"{name} {value}" for name, value in job.items()))


def look_at_disk(folders: Mapping[str, Path]) -> Iterator[Finding]:
    """Say how much space is free where things are written, and whether one may write there.

    Args:
        folders: what is written there -> the folder, which need not exist yet.
    """
    for name, folder in folders.items():
        there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        free = shutil.disk_usage(there).free / 1e9
        text = f"{free:.1f} GB free in {there}"
        if not _writable(there):
            yield Finding("disk", name, text, "problem", f"{there} cannot be written: choose another folder.")
        elif free < LEAST_GB:
            yield Finding("disk", name, text, "problem", "The disk is nearly full: free some space.")
        else:
            yield Finding("disk", name, text)


def _writable(folder: Path) -> bool:
    """Say whether a file can be made in a folder; asked by making one, as root may by its bits and cannot."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def memory_limit(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes of memory that this process may use: the machine's, or its control group's if less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        told = (groups / "memory.max").read_text(encoding="utf-8").strip()
    except OSError:
        return whole
    return min(whole, int(told)) if told.isdecimal() else whole
