"""One world: nodes, clients, a controller and faults, all drawn from one seed, and its check at quiescence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from storage_adapters.blobs.nodes.protocol import census, liveness, startup
from storage_adapters.blobs.nodes.protocol import node as logic
from storage_adapters.blobs.nodes.protocol.effects import FetchLayout, Sleep, Step
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError, Unreachable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, partition_of
from storage_adapters.blobs.nodes.protocol.trimming import Limits
from tests.simulation import clients
from tests.simulation.kernel import Kernel, Process, Task
from tests.simulation.network import Network
from tests.simulation.node_disk import CLUSTER, DiskEffects, NodeDisk
from tests.simulation.truth import Truth

DAY = 24 * 3_600.0
ROUNDS = 10


@lru_cache(maxsize=1)
def names_by_partition() -> list[list[str]]:
    """Return names that share partitions, so that a census of a small world asks for few of them."""
    found: dict[int, list[str]] = {}
    for number in range(20_000):
        found.setdefault(partition_of(f"n{number}"), []).append(f"n{number}")
    return [names for _, names in sorted(found.items()) if len(names) >= 5]


@dataclass(frozen=True, slots=True)
class Outcome:
    """End of a world in quiescence."""

    events: int
    acknowledged: int
    lost: int
    destroyed: int


class World:
    """Sites and processes. ``view`` is that of the controllers, ``layout`` the newest one."""

    def __init__(self, seed: int, trace: list[str] | None = None) -> None:
        self.kernel = Kernel(seed, trace)
        chance = self.kernel.chance
        count = chance.choice((3, 4, 4, 5))
        zones = chance.choice((count, count, 2, 1))
        nodes = tuple(
            Node(f"node{n}", f"http://node{n}", f"z{n % zones}", chance.choice((1.0, 1.0, 2.0))) for n in range(count)
        )
        copies = 3 if count > 3 and chance.random() < 0.15 else 2
        self.layout = Layout(1, copies, 2, nodes)
        self.view = liveness.View(self.layout)
        self.truth = Truth(self.kernel, copies, 2)
        self.processes: dict[str, Process] = {}
        self.network = Network(self.kernel, self.processes, self.truth)
        DiskEffects(self.kernel, self.truth)
        self.kernel.handlers[FetchLayout] = self._fetch_layout
        self.truth.names += [name for names in chance.sample(names_by_partition(), 6) for name in names]
        chance.shuffle(self.truth.names)
        self.limits = Limits(garbage_age=chance.choice((0.0, 0.0, DAY)))
        self.heard_at: dict[str, float] = {}
        self.faulty = True
        self.report: census.Report | None = None
        self.last: Process | None = None
        self._count = 0
        for node in nodes:
            self.add_disk(node.node_id)

    # Nodes.

    def add_disk(self, node_id: str) -> None:
        """Give a node an empty disk and start it."""
        self.truth.disks[node_id] = NodeDisk(node_id, self.kernel)
        self.start(node_id)

    def start(self, node_id: str) -> None:
        """Start a node that is down."""
        disk = self.truth.disks.get(node_id)
        if disk is None or node_id in self.processes:
            return
        boots = disk.record.boots if disk.record else 0
        process = Process(f"{node_id}#{boots + 1}", node_id, self.kernel.random() * 1e6, disk)
        process.on_crash = lambda: self._down(node_id, power=self.kernel.random() < 0.6)
        self.processes[node_id] = process
        self.kernel.spawn(process, self._serve(disk), lambda _, error: self._ended(process, error))

    def _serve(self, disk: NodeDisk) -> Step[None]:
        record = yield from startup.start(CLUSTER, disk.node_id, init=disk.record is None)
        yield Sleep(self.kernel.random() * (40.0 if self.faulty and record.boots > 1 else 0.1))
        yield from startup.rebuild(record)

    def _ended(self, process: Process, error: ProtocolError | None) -> None:
        if error is not None:
            self.kernel.crash(process, repr(error))

    def _down(self, node_id: str, *, power: bool) -> None:
        """Take a node down: without power, what was not synced may be gone. It starts again later."""
        del self.processes[node_id]
        disk = self.truth.disks.get(node_id)
        if disk is None:
            return
        if power:
            lost_fsync = disk.at_risk()
            if lost_fsync and not self.truth.may_destroy():
                lost_fsync = False
                for file in disk.files.values():
                    file.synced = True
            disk.crash()
            self.truth.all_there()
            if lost_fsync:
                self.note_destroyed(f"{node_id} lost what its disk had not synced")
        disk.complete = disk.complete and disk.record is not None and disk.record.clean
        long = self.kernel.random() < 0.2
        self.kernel.after(
            self.kernel.random() * ((4_000.0 if long else 30.0) if self.faulty else 1.0), self.start, node_id
        )

    def stop(self, node_id: str) -> None:
        """Stop a node gracefully, after its last request; it starts again later."""
        process = self.processes.get(node_id)
        if process is not None:
            process.alive = False
            last = self.processes[node_id] = Process(f"{process.name}, stopping", node_id, process.clock, process.view)
            last.on_crash = process.on_crash
            self.kernel.spawn(last, startup.stop(), lambda *_: self._stopped(last))

    def _stopped(self, process: Process) -> None:
        process.alive = False
        del self.processes[process.site]
        self.kernel.after(self.kernel.random() * 60.0, self.start, process.site)

    def note_destroyed(self, text: str) -> None:
        """Note a destructive fault."""
        self.kernel.note("FAULT:", text)
        self.truth.destroyed()

    # Controller.

    def _fetch_layout(self, task: Task, _: FetchLayout) -> None:
        lost = self.faulty and self.kernel.random() < 0.05
        error = Unreachable("controller") if lost else None
        self.kernel.after(0.01, self.kernel.resume, task, None if lost else self.layout, error)

    def change_layout(self, *nodes: Node) -> None:
        """Store a new layout with these nodes changed or added."""
        by_id = {node.node_id: node for node in (*self.layout.nodes, *nodes)}
        self.layout = Layout(self.layout.version + 1, self.layout.copies, 2, tuple(by_id.values()))
        self.kernel.note("layout:", *(f"{node.node_id} {node.state}" for node in nodes))

    def look(self) -> None:
        """Refresh the view by the pings that arrive now."""
        now, reaches = self.kernel.now, self.network.reaches
        for node in self.layout.registered:
            process = self.processes.get(node.node_id)
            if process is not None and process.paused_until <= now and reaches(node.node_id, "controller"):
                self.heard_at[node.node_id] = now
        quiet = {node_id: now - at for node_id, at in self.heard_at.items()}
        self.view = liveness.look(self.view, self.layout, quiet)

    def begin_census(self, *, confirmed: bool = False) -> None:
        """Begin a census."""
        self.look()
        process = self.process("census", "controller", self.view)
        self.last = process
        self.kernel.spawn(process, census.run(self.view, self.limits, confirmed=confirmed), self._reported)

    def _reported(self, report: census.Report | None, error: ProtocolError | None) -> None:
        self.report = report
        self.kernel.note("census:", report or repr(error))
        if report is None:
            return
        for wanted in report.lost:
            if self.truth.must_exist(wanted.chunk_id):
                self.truth.fail(f"a census called {wanted.chunk_id} lost")
        self.view = liveness.cleared(self.view, report.cleared)

    # Clients.

    def process(self, name: str, site: str, view: Any = None) -> Process:
        """Return a new process with a clock of its own."""
        self._count += 1
        return Process(f"{name}-{self._count}", site, self.kernel.random() * 1e6, view)

    def client(self, generator: Any, done: Any = None) -> Process:
        """Run a client."""
        process = self.process("client", "client", self.view)
        self.kernel.spawn(process, generator, done or (lambda *_: None))
        return process

    def upload(self) -> None:
        """Upload new bytes; an event may follow."""
        key, holder = self.truth.names[-1], self.kernel.token()
        self.client(clients.upload(self.truth, self.layout, holder), lambda *_: self._event(key))

    def _event(self, key: str) -> None:
        if self.kernel.random() < 0.6 and key in self.truth.acknowledged:
            self.client(clients.replicate(self.truth, self.view, key))

    # Quiescence.

    def settle(self) -> Outcome:
        """End all faults, let everything end, run censuses until nothing changes, and check."""
        self._heal()
        self.kernel.drain()
        for key, name in list(self.truth.metadata.names.items()):
            if not name.stored:
                for holder in list(name.holders):
                    self.client(clients.remove(self.truth, self.layout, key, holder))
        self.kernel.drain()
        for number in range(ROUNDS):
            self._scrub_all()
            self.kernel.run(self.kernel.now + DAY + 3_600.0)
            self.begin_census(confirmed=True)
            self.kernel.drain()
            if number and self._is_quiet():
                break
        self._check()
        taken = sum(key in self.truth.metadata.names for key in self.truth.taken)
        return Outcome(self.kernel.effects, len(self.truth.acknowledged), taken, self.truth.destructions)

    def _heal(self) -> None:
        self.kernel.note("quiescence")
        self.faulty = False
        self.kernel.crashes_at = {}
        self.network.drops = self.network.doubles = 0.0
        self.network.slowness = 1.0
        self.network.cut.clear()
        self.truth.metadata.fails = self.truth.metadata.loses = 0.0
        for disk in self.truth.disks.values():
            disk.lies = disk.is_full = False
            disk.fails, disk.slow, disk.skew = 0.0, 1.0, 0.0
            for file in disk.files.values():
                file.synced = True

    def _scrub_all(self) -> None:
        for node_id, disk in self.truth.disks.items():
            process = self.processes[node_id]
            self.kernel.spawn(process, logic.verify(tuple(sorted(disk.files))), lambda *_: None)

    def _is_quiet(self) -> bool:
        report = self.report
        if report is None or report.error is not None or self.view.out:
            return False
        return not (report.repairs or report.trimmed or report.trashed or report.candidates)

    def _check(self) -> None:
        names, report = self.truth.metadata.names, self.report
        lost = sorted(key for key in names if not self.truth.good(key))
        reported = sorted(wanted.chunk_id for wanted in report.lost) if report is not None else None
        if reported != lost:
            self.truth.fail(f"the lost are {lost}, the census says {reported}")
        few = sum(0 < len(self.truth.good(key)) < self.view.layout.copies for key in names)
        if report is not None and report.under_replicated != few:
            self.truth.fail(f"{few} have too few copies, the census says {report.under_replicated}")
        for key in names:
            self._check_places(key, lost=key in lost)
        for node_id, disk in self.truth.disks.items():
            if garbage := sorted(key for key in disk.files if key not in names):
                self.truth.fail(f"{node_id} keeps garbage: {garbage}")

    def _check_places(self, key: str, *, lost: bool) -> None:
        assigned = [] if lost else sorted(node.node_id for node in self.view.targets(key))
        there = sorted(node_id for node_id, disk in self.truth.disks.items() if key in disk.files)
        if there != assigned or sorted(self.truth.good(key)) != assigned:
            self.truth.fail(f"{key} should lie on {assigned}, and lies on {there}, well on {self.truth.good(key)}")
