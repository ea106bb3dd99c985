"""Backward by hand: every node of a loss's graph is run as autograd's engine would run it.

The engine itself asks the device's driver for its streams before it runs anything (torch 2.14,
`Node::stream`), so on a machine without a driver it cannot run even on tensors without values. The
nodes need no driver: called from Python, each computes its own formula, and unpacks or recomputes
what it saved. This module only does what the engine does between them: orders them, adds up
gradients that meet, brings them to the type that a node expects, and refuses another device.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction


def backward(loss: Tensor) -> None:
    """What `loss.backward()` does: adds to `.grad` of every leaf that the loss depends on."""
    for leaf, gradient in gradients(loss).items():
        leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient


def grad(loss: Tensor, inputs: Tensor) -> tuple[Tensor]:
    """What `torch.autograd.grad(loss, inputs)` does, of a leaf."""
    return (gradients(loss)[inputs],)


def gradients(loss: Tensor) -> dict[Tensor, Tensor]:
    """Of every leaf that a scalar loss depends on. Hooks of tensors and of nodes are not run."""
    assert loss.grad_fn is not None, "the loss depends on nothing that is trained"
    found: dict[Tensor, Tensor] = {}
    received: dict[Any, dict[int, Tensor]] = defaultdict(dict)
    received[loss.grad_fn][0] = torch.ones_like(loss)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        # One number for the whole pass: what is checkpointed is recomputed once, as in the engine.
        patch.setattr(torch._C, "_current_graph_task_id", lambda: 1)
        for node in ordered(loss.grad_fn):
            met = received.pop(node, None)
            if met is None:
                continue
            given = [
                None if index not in met else as_expected(met[index], expected, node)
                for index, expected in enumerate(node._input_metadata)
            ]
            if hasattr(node, "variable"):
                found[node.variable] = given[0]
                continue
            for (following, place), gradient in answers(node, given):
                if gradient is not None:
                    there = received[following]
                    there[place] = there[place] + gradient if place in there else gradient
    return found


def answers(node: Any, given: list[Tensor | None]) -> Iterator[tuple[tuple[Any, int], Any]]:
    """Where a node's gradients go, and what they are."""
    if isinstance(node, BackwardCFunction):  # answers also for arguments that are no tensors
        answer = node.apply(*given)
        answer = answer if isinstance(answer, tuple) else (answer,)
        answer = [a for a, needed in zip(answer, node.needs_input_grad, strict=True) if needed]
        following = [f for f in node.next_functions if f[0] is not None]
    else:
        answer, following = node(*given), node.next_functions
        answer = answer if isinstance(answer, tuple) else (answer,)
    return ((f, a) for f, a in zip(following, answer, strict=True) if f[0] is not None)


def ordered(root: Any) -> list[Any]:
    """The nodes below one, each after all that lead to it."""
    done: list[Any] = []
    seen, stack = set(), [(root, False)]
    while stack:
        node, left = stack.pop()
        if left:
            done.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(following, False) for following, _ in node.next_functions if following]
    return done[::-1]


def as_expected(gradient: Tensor, expected: Any, node: Any) -> Tensor:
    """A gradient as the engine hands it to a node, whose forward gave such a tensor."""
    assert gradient.device == expected.device, (
        f"{node.name()} computed on {expected.device} and gets a gradient on {gradient.device}"
    )
    shape = tuple(expected.shape)
    if tuple(gradient.shape) != shape:
        gradient = gradient.sum_to_size(shape)
    return gradient.to(expected.dtype)
