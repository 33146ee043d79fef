"""Every route and method × every kind of caller × every state of a file."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from files_service.api import METHODS
from files_service.domain.scopes import scope_of_method
from files_service.gateway.app import DOORS
from tests.people.matrix.cells import as_page, of_method, of_route
from tests.people.matrix.expectations import METHOD_ROWS, ROUTES, May
from tests.people.matrix.harness import Matrix
from tests.people.matrix.oracle import Answer, expected, expected_of_people, expected_of_reader, in_trash
from tests.people.matrix.world import OWNER, STATES, TENANT, target
from tests.people.test_scopes import NEEDED

ABOUT_FILES = (May.READERS, May.SELECTORS, May.CHANGERS, May.HOLDERS)
OF_PEOPLE = (May.MANAGERS, May.PERSONS, May.MEMBERS, May.OPERATORS, May.SYSTEMS)
NAMED = (May.FOR_OWNER, May.LISTERS)


def test_every_route_and_method_has_a_row() -> None:
    routed = {
        f"{route.method} {re.sub(r':[^}]+', '', route.path)}"
        for door in DOORS
        if door.name != "rpc"
        for route in door.routes
        if route.method != "OPTIONS"
    }
    assert routed == set(ROUTES)
    assert set(METHOD_ROWS) == set(METHODS)


def scope_of(row: str) -> str:
    return NEEDED.get(row, "")


@pytest.mark.parametrize("row", [each for each, may in ROUTES.items() if may in ABOUT_FILES and "/ws/" not in each])
def test_routes_about_a_file(matrix: Matrix, row: str) -> None:
    may, page = ROUTES[row], row.startswith("GET /download/")
    shared = "/shares/" in row or "/card-sessions/" in row
    for state in ["pending"] if "/tus/" in row else ["private"] if shared else STATES:
        for caller in matrix.callers_in(state):
            subject = matrix.target(state, shared=shared)
            request = of_route(row, subject, caller)
            if may is May.READERS and row.startswith("GET "):
                wanted = expected_of_reader(subject, caller, scope_of(row), page=page)
            else:
                wanted = expected(may, subject, caller, scope_of(row))
            if "/tus/" in row and (caller.is_system or caller.is_bound) and caller.may_use(scope_of(row)):
                # Every upload has an owner.
                wanted = Answer.FORBIDDEN
            wanted = in_trash(row, subject, wanted)
            request = as_page(request, caller) if page else request
            matrix.check(f"{row}, {state}, {caller.name}", request, subject, wanted)
    matrix.report()


@pytest.mark.parametrize("method", [each for each, may in METHOD_ROWS.items() if may in ABOUT_FILES])
def test_methods_about_a_file(matrix: Matrix, method: str) -> None:
    shared = method.startswith(("shares.", "cards."))
    for state in ["private"] if shared else STATES:
        for caller in matrix.callers_in(state):
            subject = matrix.target(state, shared=shared)
            wanted = expected(METHOD_ROWS[method], subject, caller, scope_of_method(method))
            wanted = in_trash(method, subject, wanted)
            matrix.check(f"{method}, {state}, {caller.name}", of_method(method, subject, caller), subject, wanted)
    matrix.report()


def test_an_archive_is_its_makers(matrix: Matrix) -> None:
    [row] = [each for each, may in ROUTES.items() if may is May.MAKERS]
    subject = matrix.target("private")
    made = matrix.served.result("files.archive", file_ids=[subject.file_id], actor=OWNER)
    subject = replace(subject, ids={"archive_id": made["archive_id"]})
    for caller in matrix.callers:
        wanted = expected(May.MAKERS, subject, caller, scope_of(row))
        matrix.check(f"{row}, {caller.name}", of_route(row, subject, caller), subject, wanted)
    matrix.report()


@pytest.mark.parametrize("row", [each for each, may in {**ROUTES, **METHOD_ROWS}.items() if may in NAMED])
def test_what_names_an_owner(matrix: Matrix, row: str) -> None:
    may = {**ROUTES, **METHOD_ROWS}[row]
    scope = scope_of(row) if row in ROUTES else scope_of_method(row)
    public = target(matrix.core, "public").file_id
    for caller in matrix.callers:
        subject = matrix.target("private")
        request = of_route(row, subject, caller) if row in ROUTES else of_method(row, subject, caller)
        wanted = expected(may, subject, caller, scope)
        reply = matrix.check(f"{row}, {caller.name}", request, subject, wanted)
        if may is May.LISTERS and wanted is Answer.DONE:
            page = reply.json.get("result", reply.json)
            listed = {each["file_id"] for each in page["files"]}
            assert (public in listed, subject.file_id in listed) == (True, caller.acts), caller.name
            accesses = {each["access"] for each in page["files"]}
            assert caller.acts or accesses == {"public"}, caller.name
    matrix.report()


@pytest.mark.parametrize(
    "row",
    [e for e, may in {**ROUTES, **METHOD_ROWS}.items() if may in OF_PEOPLE],
)
def test_people(matrix: Matrix, row: str) -> None:
    may = {**ROUTES, **METHOD_ROWS}[row]
    for caller in matrix.callers:
        invite = matrix.served.result("accounts.create_invite", tenant=TENANT)["invite_id"]
        subject = replace(matrix.target("private"), ids={"invite_id": invite, "person": "dis@acme", "tenant": TENANT})
        request = of_route(row, subject, caller) if row in ROUTES else of_method(row, subject, caller)
        scope = scope_of(row) if row in ROUTES else scope_of_method(row)
        wanted = expected_of_people(may, caller, scope)
        if may is May.SYSTEMS and wanted is Answer.DONE:
            # Tested by those that sign in.
            continue
        matrix.check(f"{row}, {caller.name}", request, subject, wanted)
    matrix.report()
