"""``files nodes``: the operator's view of the file nodes. Works on the store of the settings and on the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from files_service.cli.session import Failed, Session
from files_service.runtime.terminal import echo
from storage_adapters import StorageError

if TYPE_CHECKING:
    from files_service.nodes.controller.census.reports import Outcome
    from files_service.nodes.controller.controller import Controller
    from storage_adapters.blobs.nodes.protocol.layout import Node, NodeState

_FEWER = "Go on though the other nodes are too few for all copies of a chunk."


@click.group()
def nodes() -> None:
    """Show and manage the file nodes."""


@nodes.command()
@click.pass_obj
def status(session: Session) -> None:
    """Print the nodes and the last census.

    One line a node: id, state, answers or not, zone, address, chunks, free bytes, weight. The exit status is
    1 when a node does not answer, or chunks have too few copies, are lost, or wait for a confirmation.
    """
    from files_service.nodes.controller.members import members
    from files_service.nodes.controller.operations import count_chunks

    with _controller(session) as controller:
        layout, found = controller.layouts.load(), members(controller.core)
        out = controller.layouts.out()
        chunks = count_chunks(controller)
        for node in layout.registered:
            ping = found[node.node_id].ping if node.node_id in found else None
            words = [node.node_id, "out" if node.node_id in out else node.state]
            words += ["silent" if chunks[node.node_id] is None else "answers", node.zone or "-", node.url]
            words += [f"{'?' if chunks[node.node_id] is None else chunks[node.node_id]} chunks"]
            words += [f"{ping.free if ping is not None else 0} free", f"weight {node.weight:g}"]
            echo(" ".join(words))
        echo(f"layout {layout.version}, {layout.copies} copies, {layout.min_write} for a write")
        is_well = _print_census(controller)
    if None in chunks.values() or not is_well:
        raise SystemExit(1)


def _print_census(controller: Controller) -> bool:
    """Print the last census; return False when it needs somebody to look."""
    from files_service.nodes.controller.census.reports import load_outcome

    outcome = load_outcome(controller.core)
    if outcome is None:
        echo("no census yet: is a controller running?")
        return True
    at = datetime.fromtimestamp(outcome.ended_at / 1000, UTC).isoformat(timespec="seconds")
    kind = "complete" if outcome.complete else f"incomplete {outcome.error}".strip()
    echo(f"census {outcome.epoch} at {at}, {kind}: {outcome.wanted} chunks wanted")
    echo(f"{outcome.under_replicated} chunks have too few copies; {_repairs(outcome)}")
    echo(
        f"{outcome.candidates} copies of garbage, {outcome.trashed} moved to the trash,"
        f" {outcome.unavailable_chunks} chunks on silent nodes"
    )
    if outcome.lost_chunks:
        echo(f"lost: {outcome.lost_chunks} chunks, among them {', '.join(outcome.lost[:5])}")
    for node_id, count in sorted(outcome.held_back.items()):
        echo(f"{count} copies of {node_id} are garbage and wait for: files nodes confirm")
    return not outcome.under_replicated and not outcome.lost_chunks and not outcome.held_back


def _repairs(outcome: Outcome) -> str:
    if not outcome.repairs:
        return "none lacked a copy before"
    made = f"{outcome.failed_repairs} copies not made" if outcome.failed_repairs else "all copies made"
    return f"{outcome.repairs} lacked a copy before, {made}"


@nodes.command()
@click.argument("node_id", metavar="NODE")
@click.option("--undo", is_flag=True, help="Let the node take chunks again.")
@click.option("--accept-fewer-copies", is_flag=True, help=_FEWER)
@click.pass_obj
def drain(session: Session, node_id: str, *, undo: bool, accept_fewer_copies: bool) -> None:
    """Give the chunks of a node to others; it serves what it has until they have them.

    Refused while fewer other nodes take chunks than each chunk has copies, unless --accept-fewer-copies is given.
    """
    from files_service.nodes.controller.census.reports import ask

    with _controller(session) as controller:
        node = _node(controller, node_id)
        state: NodeState = "active" if undo else "draining"
        controller.layouts.set_state(node.node_id, state, accept_fewer_copies=accept_fewer_copies)
        ask(controller.core)
    echo(f"{node.node_id} is {'active' if undo else 'draining: files nodes status shows the chunks that it has left'}")


@nodes.command()
@click.argument("node_id", metavar="NODE")
@click.option("--accept-loss", default=0, metavar="N", type=click.IntRange(0), help="Lose up to N chunks by this.")
@click.option("--accept-fewer-copies", is_flag=True, help=_FEWER)
@click.pass_obj
def remove(session: Session, node_id: str, *, accept_loss: int, accept_fewer_copies: bool) -> None:
    """Remove a node for good.

    The copies of the other nodes are read first. Refused while files need a chunk of which no other node has a good
    copy, unless there are at most as many as --accept-loss says; and while fewer other nodes take chunks than each
    chunk has copies, unless --accept-fewer-copies is given.
    """
    from files_service.nodes.controller.removal import remove as remove_node

    with _controller(session) as controller:
        node = _node(controller, node_id)
        sole = remove_node(controller, node.node_id, accept_loss=accept_loss, accept_fewer_copies=accept_fewer_copies)
    for name in sole.names:
        echo(f"lost {name}", err=True)
    echo(f"{node.node_id} is removed; {len(sole.names)} chunks lost")


@nodes.command()
@click.argument("node_id", metavar="[NODE]", required=False)
@click.pass_obj
def scrub(session: Session, node_id: str | None) -> None:
    """Have one node or all read every copy now, and make damaged ones anew.

    The exit status is 1 when copies are damaged.
    """
    from files_service.nodes.controller.census.reports import ask
    from files_service.nodes.controller.operations import read_copies

    damaged = 0
    with _controller(session) as controller:
        chosen = [_node(controller, node_id)] if node_id else list(controller.layouts.load().registered)
        for node in chosen:
            number, bad = read_copies(controller, node)
            for name in bad:
                echo(f"damaged {node.node_id} {name}")
            damaged += len(bad)
            echo(f"{node.node_id}: {number} copies read")
        if damaged:
            ask(controller.core)
    if damaged:
        echo(f"{damaged} damaged copies; the next census makes them anew")
        raise SystemExit(1)


@nodes.command()
@click.argument("names", metavar="CHUNK…", nargs=-1, required=True)
@click.pass_obj
def restore(session: Session, names: tuple[str, ...]) -> None:
    """Restore chunks from the trash of all nodes, where they stay for 7 days.

    A census moves those that nothing needs to the trash again.
    """
    from files_service.nodes.controller.operations import restore_chunks

    with _controller(session) as controller:
        back, silent = restore_chunks(controller, names)
    for node_id in silent:
        echo(f"node {node_id} does not answer", err=True)
    for name in names:
        echo(f"{name} {'is there' if name in back else 'is in no trash'}")
    if back != set(names):
        raise SystemExit(1)


@nodes.command()
@click.pass_obj
def confirm(session: Session) -> None:
    """Let the next census move what the last one held back as suspiciously much garbage."""
    from files_service.nodes.controller.census import reports

    with _controller(session) as controller:
        count = reports.confirm(controller.core)
    echo(f"{count} copies may go to the trash" if count else "nothing waits for a confirmation")


@contextmanager
def _controller(session: Session) -> Iterator[Controller]:
    from files_service.nodes.controller.controller import Controller

    if not session.settings.nodes_secret:
        raise Failed("FILES_NODES_SECRET is not set", "docs/nodes.md describes file nodes.")
    if urlsplit(session.settings.blobs_url).scheme != "nodes":
        raise Failed("FILES_BLOBS_URL is not nodes://", "docs/nodes.md describes file nodes.")
    with session.core() as core, closing(Controller(core)) as controller:
        try:
            yield controller
        except StorageError as error:
            raise Failed(f"a store does not answer: {error}", "Run `files doctor` to check each part.") from error


def _node(controller: Controller, node_id: str) -> Node:
    """Return a node by its id or a beginning of it that only one has."""
    found = [node for node in controller.layouts.load().registered if node.node_id.startswith(node_id)]
    exact = [node for node in found if node.node_id == node_id]
    if len(exact or found) != 1:
        raise Failed(
            f"{'several nodes begin' if found else 'no node begins'} with {node_id}", "Run: files nodes status"
        )
    return (exact or found)[0]
