"""The network: requests and replies are delayed, dropped, delivered twice, or cut off by a partition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol import node as logic
from storage_adapters.blobs.nodes.protocol.errors import NodeUnavailable, ProtocolError, Unreachable
from tests.simulation.kernel import Kernel, Process, Task


class Network:
    """Calls between sites. ``processes`` has the present start of each node that runs."""

    def __init__(self, kernel: Kernel, processes: Mapping[str, Process], observer: Any) -> None:
        self.kernel, self.processes, self.observer = kernel, processes, observer
        self.drops = self.doubles = 0.0
        self.slowness = 1.0
        self.cut: set[tuple[str, str]] = set()
        kernel.handlers[e.Call] = self._call

    def reaches(self, source: str, target: str) -> bool:
        """Return True unless a partition lies between two sites."""
        return (source, target) not in self.cut

    def _delay(self) -> float:
        chance = self.kernel.random()
        usual = 0.001 + 0.01 * chance
        return usual * self.slowness if chance < 0.95 else usual * 100 * self.slowness

    def _call(self, task: Task, effect: e.Call) -> None:
        _Exchange(self, task, effect)


class _Exchange:
    """One request and its reply."""

    __slots__ = ("effect", "network", "open", "task")

    def __init__(self, network: Network, task: Task, effect: e.Call) -> None:
        self.network, self.task, self.effect = network, task, effect
        self.open = True
        network.observer.called(task.process, effect)
        network.kernel.after(effect.timeout, self._answer, None, None)
        self._send(network.kernel.random() < network.doubles)

    def _send(self, twice: bool) -> None:
        network = self.network
        if network.kernel.random() < network.drops:
            return
        for _ in range(1 + twice):
            network.kernel.after(network._delay(), self._arrive)

    def _arrive(self) -> None:
        network, node_id = self.network, self.effect.node_id
        if not network.reaches(self.task.process.site, node_id):
            return
        process = network.processes.get(node_id)
        if process is None or not process.alive:
            # The machine answers that nobody listens, or does not answer at all.
            if network.kernel.random() < 0.5:
                network.kernel.after(network._delay(), self._answer, None, Unreachable(node_id, "refused"))
            return
        request = self.effect.request
        network.kernel.spawn(process, logic.handle(request), lambda value, error: self._reply(value, error), request)

    def _reply(self, value: Any, error: ProtocolError | None) -> None:
        network, node_id = self.network, self.effect.node_id
        if error is not None and isinstance(error, Unreachable):
            error = NodeUnavailable(str(error))
        if isinstance(value, m.Stored):
            network.observer.stored(node_id, self.effect.request.chunk_id)  # type: ignore[union-attr]
        if network.kernel.random() >= network.drops and network.reaches(node_id, self.task.process.site):
            network.kernel.after(network._delay(), self._answer, value, error)

    def _answer(self, value: Any, error: ProtocolError | None) -> None:
        if not self.open:
            return
        self.open = False
        if value is None and error is None:
            error = Unreachable(self.effect.node_id)
        if self.network.kernel.trace is not None:
            outcome = type(value).__name__ if error is None else repr(error)
            self.network.kernel.note(self.task.process.name, "->", self.effect.node_id, _short(self.effect.request), "=", outcome)
        self.network.kernel.resume(self.task, value, error)


def _short(request: Any) -> str:
    keys = getattr(request, "chunk_ids", None) or getattr(request, "chunk_id", None) or getattr(request, "partition", "")
    extra = [f"{name}={getattr(request, name)}" for name in ("epoch", "reason", "source") if hasattr(request, name)]
    return " ".join([type(request).__name__, str(keys), *extra])
