"""`skipline doctor`: what this machine has, for a bug report and for the question why it is slow."""

from __future__ import annotations

from typing import Any

from skipline.cli.given import options


def doctor(device: options.Device = "auto", json_: options.Json = False) -> None:
    """Show versions, device, threads, bfloat16 support, compiled kernels, data folder and optional extras."""
    from skipline.cli.given.device import default_data_dir, device_of
    from skipline.extras import EXTRAS, install_command, versions_of
    from skipline.files import dump_json
    from skipline.train import environment
    from skipline.train.speed.kernels import choose_kernels

    chosen = device_of(device)
    on_cuda = chosen.type == "cuda"
    kernels = choose_kernels("auto", chosen, "channels_last", is_graph=on_cuda)
    where = ", in steps that are one CUDA graph" if on_cuda and kernels.name == "fused" else ""
    facts: dict[str, Any] = {**environment(chosen), "kernels": {"name": kernels.name, "reason": kernels.reason + where}}
    folder = default_data_dir()
    facts["data"] = {"folder": str(folder), "exists": folder.is_dir()}
    facts["extras"] = {extra: versions_of(extra) for extra in EXTRAS}
    if json_:
        print(dump_json(facts), end="")
        return
    for name in ("skipline", "torch", "python", "platform", "processor", "device", "threads"):
        print(f"{name:<10} {facts[name]}")
    print(
        f"{'bf16':<10} {'in hardware: --precision auto uses it' if facts['bf16'] else 'no: --precision auto is fp32'}"
    )
    print(f"{'kernels':<10} {kernels.name}: {kernels.reason}")
    print(
        f"{'data':<10} {folder}{'' if folder.is_dir() else ' (not there; --data DIR or $SKIPLINE_DATA names another)'}"
    )
    for extra, versions in facts["extras"].items():
        found = ", ".join(f"{name} {version}" for name, version in versions.items() if version is not None)
        state = f"install with: {install_command(extra)}" if None in versions.values() else ""
        print(f"{extra:<10} {'; '.join(part for part in (found, state) if part)}")
