"""The size of a network: its parameters, and the multiply-adds of one forward pass."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    """Return how many trainable parameters a network has, frozen ones included."""
    return sum(parameter.numel() for parameter in network.parameters())


def gmacs(network: nn.Module, *shapes: tuple[int, ...]) -> float:
    """Return the multiply-adds, in 10^9, of one forward pass of inputs of these shapes: one view.

    Convolutions and matrix products are counted, as papers do; normalisation, activations and pools are not.
    Nothing is computed: the network runs on shapes alone (torch's meta device), so that any size is instant.
    """
    tensors = itertools.chain(network.named_parameters(), network.named_buffers())
    meta = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
    inputs = tuple(torch.empty(shape, device="meta") for shape in shapes)
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            functional_call(network, meta, inputs)
    finally:
        network.train(training)
    return float(counter.get_total_flops()) / 2e9
