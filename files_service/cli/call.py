"""``files call``: one call of one method."""

from __future__ import annotations

import difflib
import json
import sys
import uuid
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import orjson

from files_service.cli.remote import Remote
from files_service.cli.session import Failed, Session
from files_service.config import Settings
from files_service.runtime.terminal import echo


@click.command()
@click.argument("method")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE | NAME=@FILE | @FILE]...")
@click.option("--amqp", is_flag=True, help="Call over AMQP (AMQP_URI) instead of HTTP.")
@click.pass_obj
def call(session: Session, method: str, params: tuple[str, ...], *, amqp: bool) -> None:
    """Call a METHOD of the running service and print its result.

    A value is JSON if it is valid JSON, else text. NAME=@FILE reads it from a JSON file, @FILE all parameters. A
    parameter that takes text takes it as it is, also behind an @, as change tokens begin.

    \b
        files call files.upload owner=ann name=clip.mp4 parts='[{"size": 1000}]'
        files call files.list owner=ann limit=5
        files call files.upload @upload.json
    """  # noqa: D301 - click wants the control character itself
    from files_service.api import METHODS

    if method not in METHODS:
        near = difflib.get_close_matches(method, METHODS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known methods: " + ", ".join(METHODS)
        raise click.UsageError(f"no method {method}: {hint}")
    values = parse_params(method, params)
    if amqp:
        result = _by_amqp(session.client_settings, method, values)
    else:
        result = Remote(session.client_settings).call(method, _with_request_id(method, values))
    show(result)


def _with_request_id(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with an id where the method knows a repeated call by it, and by nothing else."""
    from files_service.api import METHODS

    field = METHODS[method].schema.fields.get("request_id")
    # A clone is known by the same file, owner and changes.
    if field is None or field.required or method == "files.clone" or params.get("request_id") is not None:
        return params
    return {**params, "request_id": uuid.uuid4().hex}


def _by_amqp(settings: Settings, method: str, params: dict[str, Any]) -> Any:
    if not settings.amqp_uri:
        raise Failed("AMQP_URI is not set", "Set it to the broker that `files rpc` uses.")
    import amqp

    from files_service.client import FilesClient
    from files_service.messaging.readiness import check_broker

    # The client would try again for as long as a call may take; a person at a terminal is told at once.
    try:
        check_broker(settings.amqp_uri)
    except (OSError, ValueError, amqp.AMQPError) as error:
        reason = str(error) or type(error).__name__
        raise Failed(f"the broker does not answer: {reason}", "Check AMQP_URI, and that the broker runs.") from error
    with FilesClient(settings.amqp_uri, timeout=settings.rpc_timeout_seconds, pool_size=1) as client:
        return attrgetter(method.removeprefix("files."))(client)(**params)


def parse_params(method: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """Parse the command line's NAME=VALUE texts into parameters. Raises UsageError."""
    values: dict[str, Any] = {}
    for each in texts:
        name, equals, text = each.partition("=")
        if each.startswith("@"):
            content = _read_json(each[1:])
            if not isinstance(content, dict):
                raise click.UsageError(f"{each[1:]} does not hold a JSON object")
            values |= content
        elif not equals or not name:
            raise click.UsageError(f"{each!r} is neither NAME=VALUE nor @FILE")
        elif text.startswith("@") and not _is_text(method, name):
            values[name] = _read_json(text[1:])
        else:
            values[name] = _value(method, name, text)
    return values


def _value(method: str, name: str, text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    # An owner may be named 42 and an alias true: for text parameters, only quoted text and null are JSON.
    if _is_text(method, name) and not isinstance(value, str) and value is not None:
        return text
    return value


def _is_text(method: str, name: str) -> bool:
    from files_service.gateway.openapi import parameters_of

    kind = parameters_of(method).get(name, {}).get("type", ())
    return "string" in (kind if isinstance(kind, list) else [kind])


def _read_json(path: str) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"{path} is not JSON: {error}") from error


def show(result: Any) -> None:
    """Print a result: formatted in a terminal, as one line otherwise."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print_json(json.dumps(result))
    else:
        echo(json.dumps(result, ensure_ascii=False))
