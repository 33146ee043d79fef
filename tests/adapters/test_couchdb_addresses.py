"""Which CouchDB a URL names."""

from __future__ import annotations

from typing import Any

import pytest

from storage_adapters import UnknownStore, open_metadata_store
from storage_adapters.metadata.couchdb.location import Location, location_of


def plain(**parts: Any) -> Location:
    known = {"host": "db", "port": 5984, "database": "films", "credentials": None, "timeout_seconds": 5, "tls": False}
    return Location(**{**known, "ca": None, **parts})


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("couchdb://db/films", plain()),
        ("couchdb://db:1/films/", plain(port=1)),
        ("couchdb://u:p%40%3Aw@db/films", plain(credentials=("u", "p@:w"))),
        ("couchdb://u@db/films?timeout=0.5", plain(credentials=("u", ""), timeout_seconds=0.5)),
        ("couchdb://[::1]/a_$()%2B-1", plain(host="::1", database="a_$()+-1")),
        ("couchdbs://db/films?ca=/etc/ca.pem", plain(port=6984, tls=True, ca="/etc/ca.pem")),
    ],
)
def test_a_url_names_a_database_of_a_server(url: str, location: Location) -> None:
    assert location_of(url) == location


def test_the_address_of_the_server_has_no_password_in_it() -> None:
    assert location_of("couchdb://u:secret@[::1]:1/films").url == "http://[::1]:1"
    assert location_of("couchdbs://u:secret@db/films").url == "https://db:6984"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("couchdb://u:secret@db", "database's name"),
        ("couchdb://u:secret@db/Films", "database's name"),
        ("couchdb://u:secret@db/1films", "database's name"),
        ("couchdb://u:secret@db/films/more", "database's name"),
        ("couchdb:///films", "no host"),
        ("couchdb://u:secret@db:port/films", "Port|port"),
        ("couchdb://u:secret@db/films?timeout=0", "timeout"),
        ("couchdb://u:secret@db/films?timeout=soon", "timeout"),
        ("couchdb://u:secret@db/films?prefix=x", "no option"),
        ("couchdb://u:secret@db/films#x", "no option"),
        ("couchdb://u:secret@db/films?ca=/etc/ca.pem", "couchdbs"),
    ],
)
def test_a_url_of_another_form_is_refused_without_telling_the_password(url: str, problem: str) -> None:
    with pytest.raises(UnknownStore, match=problem) as raised:
        open_metadata_store(url)
    assert "secret" not in str(raised.value)
