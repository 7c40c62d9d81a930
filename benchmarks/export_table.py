"""Whether every named network is copied, exported and compiled: one line each, at its whole depth.

Modules on the meta device: nothing is computed, only traced. `--compile` also compiles each in eval mode as one graph
with one of PyTorch's backends, on the CPU, at the smallest images that suit it: "eager" only traces, "inductor"
compiles. "trace" traces too, where nothing is allocated and with at most two blocks a stage: the others are alike.
Exits with 1 where one fails.

    python benchmarks/export_table.py [--names resnet50,cifar_resnet110] [--compile eager]
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import replace

import torch

from skipline import build, describe, models
from skipline.nn import assemble


def export(name: str) -> None:
    """Copy and export the net called `name`, for one image."""
    network = describe(name)
    net = copy.deepcopy(assemble(network, device="meta").eval())
    side = network.smallest_image
    program = torch.export.export(net, (torch.empty(1, network.in_channels, side, side, device="meta"),))
    if set(program.state_dict) != set(net.state_dict()):
        raise ValueError("the program has other tensors than the net")


def compiles(name: str, *, backend: str) -> None:
    """Compile the net called `name` as one graph by `backend` and run it twice."""
    network = describe(name)
    if backend == "trace":
        stages = tuple(replace(stage, num_blocks=min(2, stage.num_blocks)) for stage in network.stages)
        net = assemble(replace(network, stages=stages), device="meta").eval()
    else:
        net = build(network).eval()
    side = network.smallest_image
    images = torch.ones(1, network.in_channels, side, side, device=next(net.parameters()).device)
    torch.compiler.reset()
    compiled = torch.compile(net, backend="eager" if backend == "trace" else backend, fullgraph=True)
    with torch.no_grad():
        expected, found = net(images), compiled(images)
        with torch.compiler.set_stance("fail_on_recompile"):
            compiled(images)
    if backend == "trace":
        assert found.shape == expected.shape
        return
    torch.testing.assert_close(found, expected)


def main() -> None:
    """Parse, try each, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", default=",".join(row.example for row in models()))
    parser.add_argument("--compile", choices=("trace", "eager", "inductor"))
    arguments = parser.parse_args()
    failed = 0
    for name in arguments.names.split(","):
        start = time.perf_counter()
        try:
            export(name)
            if arguments.compile:
                compiles(name, backend=arguments.compile)
            verdict = "ok"
        except Exception as error:
            failed += 1
            verdict = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"{name:<48} {time.perf_counter() - start:>6.1f} s  {verdict}", flush=True)
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
