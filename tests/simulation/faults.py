"""Faults of a world, and the work that meets them. Destructive faults wait until the world has recovered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from storage_adapters.blobs.nodes.protocol import node as logic
from storage_adapters.blobs.nodes.protocol.layout import Node
from tests.simulation import clients
from tests.simulation.node_disk import NodeDisk
from tests.simulation.world import World


def plan(world: World) -> float:
    """Draw the history of a world: bursts of work with faults among them; return the time of its end."""
    chance = world.kernel.chance
    bursts = [10.0]
    for _ in range(chance.choice((2, 3, 4))):
        bursts.append(bursts[-1] + chance.choice((5.0, 60.0, 600.0, 4_000.0)) * chance.random())
    work = [kind for kind, count in WORK for _ in range(chance.randint(*count))]
    faults = [chance.choice(FAULTS) for _ in range(chance.randint(4, 10))]
    for perform in (*work, *faults):
        at = chance.choice(bursts) + chance.choice((0.2, 5.0, 60.0)) * chance.random()
        world.kernel.after(at, perform, world)
    world.network.drops = chance.choice((0.0, 0.0, 0.02, 0.1))
    world.network.doubles = chance.choice((0.0, 0.05))
    effects = chance.choice((300, 1_500))
    world.kernel.crashes_at = {
        chance.randrange(100, effects): chance.random() < 0.5 for _ in range(chance.randint(0, 4))
    }
    return bursts[-1] + 120.0


def _some_disk(world: World) -> NodeDisk:
    return world.kernel.chance.choice(list(world.truth.disks.values()))


def _for_a_while(world: World, undo: Callable[[], None], seconds: float = 60.0) -> None:
    long = world.kernel.random() < 0.1
    world.kernel.after(world.kernel.random() * (3_000.0 if long else seconds), lambda: undo() if world.faulty else None)


# Work.


def upload(world: World) -> None:
    """Upload."""
    world.upload()


def read(world: World) -> None:
    """Read some name that was ever written."""
    keys = list(world.truth.content)
    if keys:
        key = world.kernel.chance.choice(keys)
        world.client(clients.read(world.truth, world.layout, key, world.kernel.chance.choice((0.05, 5.0))))


def _stored(world: World) -> list[str]:
    return [key for key, name in world.truth.metadata.names.items() if name.stored]


def remove(world: World) -> None:
    """Remove a stored name."""
    keys = _stored(world)
    if keys:
        key = world.kernel.chance.choice(keys)
        holder = world.truth.metadata.names[key].holders[0]
        world.client(clients.remove(world.truth, world.layout, key, holder))


def share(world: World) -> None:
    """Name stored bytes once more, a name that a disaster took if there is one."""
    keys = [key for key in world.truth.taken if key in world.truth.metadata.names] or _stored(world)
    if keys:
        key = world.kernel.chance.choice(keys)
        world.client(clients.share(world.truth, world.layout, key, world.kernel.token()))


def prove(world: World) -> None:
    """Read every copy of a stored name."""
    keys = _stored(world)
    if keys:
        key, pause = world.kernel.chance.choice(keys), world.kernel.chance.choice((0.0, 5.0, 60.0))
        world.client(clients.prove(world.truth, world.layout, key, pause))


def census(world: World) -> None:
    """Begin a census, beside one that may be under way; its controller may stand still for a while."""
    world.begin_census()


def slow_census(world: World) -> None:
    """Begin a census whose controller stands still in the middle, and another one meanwhile."""
    world.look()
    world.begin_census()
    process = world.last
    kernel = world.kernel
    kernel.after(kernel.random() * 3.0, lambda: setattr(process, "paused_until", kernel.now + 100.0 * kernel.random()))
    kernel.after(5.0 + 50.0 * kernel.random(), census, world)


def late_event(world: World) -> None:
    """Process the event of an upload late."""
    keys = list(world.truth.acknowledged)
    if keys:
        world.client(clients.replicate(world.truth, world.view, world.kernel.chance.choice(keys)))


def scrub(world: World) -> None:
    """Let a node read everything again."""
    disk = _some_disk(world)
    process = world.processes.get(disk.node_id)
    if process is not None:
        world.kernel.spawn(process, logic.verify(tuple(sorted(disk.files))), lambda *_: None)


# Faults.


def crash(world: World) -> None:
    """Crash a node."""
    process = world.processes.get(_some_disk(world).node_id)
    if process is not None:
        world.kernel.crash(process, "by a fault")


def blackout(world: World) -> None:
    """Crash all nodes."""
    for process in list(world.processes.values()):
        world.kernel.crash(process, "without power")


def stop(world: World) -> None:
    """Stop a node gracefully."""
    world.stop(_some_disk(world).node_id)


def pause(world: World) -> None:
    """Stop a node as by SIGSTOP."""
    process = world.processes.get(_some_disk(world).node_id)
    if process is not None:
        process.paused_until = world.kernel.now + 60.0 * world.kernel.random()


def partition(world: World) -> None:
    """Cut some sites off from the others, in both directions or one."""
    chance = world.kernel.chance
    sites = ["client", "controller", *world.truth.disks]
    near = [site for site in sites if chance.random() < 0.4]
    one_way = chance.random() < 0.3
    pairs = [(a, b) for a in near for b in sites if b not in near]
    pairs += [] if one_way else [(b, a) for a, b in pairs]
    world.network.cut.update(pairs)
    world.kernel.note("FAULT: partition of", *near)
    _for_a_while(world, lambda: world.network.cut.difference_update(pairs))


def noise(world: World) -> None:
    """Drop and delay many messages."""
    world.network.drops, world.network.slowness = 0.25, 20.0

    def undo() -> None:
        world.network.drops, world.network.slowness = 0.0, 1.0

    _for_a_while(world, undo, 20.0)


def metadata_outage(world: World) -> None:
    """Let the metadata store fail often."""
    world.truth.metadata.fails, world.truth.metadata.loses = 0.3, 0.3

    def undo() -> None:
        world.truth.metadata.fails = world.truth.metadata.loses = 0.02

    _for_a_while(world, undo)


def bad_disk(world: World) -> None:
    """Let a disk fail, be full, slow, or lie about fsync."""
    disk, chance = _some_disk(world), world.kernel.chance
    name, value, usual = chance.choice(
        (
            ("fails", 0.5, 0.0),
            ("is_full", True, False),
            ("slow", 500.0, 1.0),
            ("lies", True, False),
            ("lies", True, False),
        )
    )
    setattr(disk, name, value)
    world.kernel.note("FAULT: disk of", disk.node_id, name)
    _for_a_while(world, lambda: setattr(disk, name, usual))


def skew(world: World) -> None:
    """Set the clock of a node wrong."""
    _some_disk(world).skew = world.kernel.chance.choice((-100_000.0, 100_000.0))


def flip(world: World) -> None:
    """Flip a bit of one copy or of all copies of a node."""
    disk, chance = _some_disk(world), world.kernel.chance
    keys = [key for key, file in disk.files.items() if file.touched_at < world.kernel.now - 1.0]
    if not keys or disk.slow > 1.0 or not world.truth.may_destroy():
        return
    for key in [chance.choice(keys)] if chance.random() < 0.4 else keys:
        disk.files[key].data = b"#" + disk.files[key].data[1:]
    world.note_destroyed(f"bits of {disk.node_id} flip")


def wipe(world: World) -> None:
    """Lose all chunks of a node; the record is kept."""
    disk = _some_disk(world)
    if not world.truth.may_destroy():
        return
    process = world.processes.get(disk.node_id)
    if process is not None:
        world.kernel.crash(process, "its disk is wiped")
    disk.files.clear()
    disk.trash.clear()
    disk.inventory.clear()
    world.note_destroyed(f"the disk of {disk.node_id} is wiped")


def new_disk(world: World) -> None:
    """Lose a node for good; an operator removes it and adds another one."""
    disk = _some_disk(world)
    node = world.layout.node(disk.node_id)
    if node.state != "active" or not world.truth.may_destroy():
        return
    del world.truth.disks[disk.node_id]
    process = world.processes.get(disk.node_id)
    if process is not None:
        world.kernel.crash(process, "it is lost")
    world.change_layout(replace(node, state="removed"))
    world.note_destroyed(f"{disk.node_id} is lost")
    add(world)


def disaster(world: World) -> None:
    """Take every copy of one name: the one case in which acknowledged bytes are lost, and must be reported."""
    truth = world.truth
    keys = [key for key in _stored(world) if not truth.under_way.get(key)]
    if not keys or truth.taken or world.kernel.random() < 0.5:
        return
    key = world.kernel.chance.choice(keys)
    flips = world.kernel.random() < 0.5
    truth.taken[key] = True
    for disk in truth.disks.values():
        disk.trash.pop(key, None)
        if flips and key in disk.files:
            disk.files[key].data = b"#" + disk.files[key].data[1:]
        elif disk.files.pop(key, None) is not None:
            disk.inventory.discard(key)
    world.kernel.note("DISASTER:", key, "is lost")


# Layout.


def add(world: World) -> None:
    """Add a node."""
    number = len(world.layout.nodes)
    if len(world.layout.registered) > 6:
        return
    node = Node(f"node{number}", f"http://node{number}", f"z{number % 3}")
    world.add_disk(node.node_id)
    world.change_layout(node)


def drain(world: World) -> None:
    """Drain a node."""
    active = [node for node in world.layout.nodes if node.state == "active"]
    if len(active) > world.layout.copies + 1:
        world.change_layout(replace(world.kernel.chance.choice(active), state="draining"))


WORK: tuple[tuple[Callable[[World], None], tuple[int, int]], ...] = (
    (upload, (4, 12)),
    (read, (2, 6)),
    (prove, (2, 6)),
    (remove, (0, 3)),
    (share, (0, 2)),
    (census, (1, 3)),
    (slow_census, (0, 1)),
    (scrub, (0, 2)),
    (late_event, (0, 1)),
)
FAULTS: tuple[Callable[[World], None], ...] = (
    *(crash, crash, blackout, stop, pause, partition, partition, noise, metadata_outage),
    *(bad_disk, bad_disk, bad_disk, skew, flip, flip, wipe, wipe, new_disk, disaster, add, drain),
)
