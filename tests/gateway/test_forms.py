"""Forms as browsers, libraries and attackers write them."""

from __future__ import annotations

import pytest

from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served

FORM = {**bearer("ann"), "Content-Type": "multipart/form-data; boundary=b"}
CHARSET = b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n%b\r\n'
LONG = "".join(chr(97 + number % 26) * 10 for number in range(20))


def field(disposition: bytes, content: bytes = b"abc", headers: bytes = b"") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + disposition + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


def send(served: Served, body: bytes) -> Reply:
    return served.request("POST", "/api/files/upload", body + b"--b--\r\n", FORM)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'name="file"; filename="a\\b.txt"', "a\\b.txt"),
        (b'name="file"; filename="C:\\temp\\new.txt"', "C:\\temp\\new.txt"),
        (b'name="file"; filename="\\\\host\\share"', "\\host\\share"),
        (b'name="file"; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        (b'name="file"; filename="a;b;c.txt"', "a;b;c.txt"),
        (b"name=file; filename=a.txt", "a.txt"),
        ('name="file"; filename="日本.txt"'.encode(), "日本.txt"),
        (b"name=\"file\"; filename*=UTF-8''%E6%97%A5.txt", "日.txt"),
        (
            b'name="file"; '
            + b"; ".join(b'filename*%d="%b"' % (at, LONG[at * 10 : at * 10 + 10].encode()) for at in range(20)),
            LONG,
        ),
    ],
)
def test_a_file_name_is_kept_as_it_was_written(served: Served, disposition: bytes, name: str) -> None:
    reply = send(served, field(disposition))
    assert reply.status == 201, reply.body
    assert reply.json["name"] == name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nno colon\r\n\r\nabc\r\n",
        b"--b\r\n: no name\r\n\r\nabc\r\n",
        b"--b\r\nA b: c\r\n\r\nabc\r\n",
        b"--b\r\nA: \x00\r\n\r\nabc\r\n",
        b"--b\r\n" + b"A: b\r\n" * 200 + b"\r\nabc\r\n",
        b"--b\r\nA: " + b"x" * 20_000 + b"\r\n\r\nabc\r\n",
        field(b'name="file"; filename="\xff.txt"'),
        field(b'name="\xff"'),
        field(b"name*" + b"9" * 5_000 + b"=x"),
        CHARSET % (b"x" * 40) + field(b'name="file"'),
        CHARSET % b"\xff\xfe" + field(b'name="file"'),
        CHARSET % b"utf-8",
        field(b"", headers=b"Content-Type: multipart/mixed; boundary=c\r\n"),
    ],
)
def test_what_is_no_form_is_a_bad_request_and_leaves_nothing(served: Served, body: bytes) -> None:
    before = served.result("files.count", owner="ann")["total"]
    reply = send(served, body)
    assert (reply.status, reply.code) == (400, "bad_request"), reply.body
    assert served.result("files.count", owner="ann")["total"] == before


@pytest.mark.parametrize("charset", [b"utf-8", b"rubbish"])
def test_the_charset_that_browsers_put_before_a_file_is_taken(served: Served, charset: bytes) -> None:
    reply = send(served, CHARSET % charset + field(b'name="file"; filename="a.txt"'))
    assert (reply.status, reply.json.get("name")) == (201, "a.txt"), reply.body


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Transfer-Encoding: base64", 415),
        (b"content-transfer-encoding: Quoted-Printable", 415),
        (b"Content-Transfer-Encoding: x-uuencode", 415),
        (b"Content-Encoding: gzip", 415),
        (b"Content-Encoding: br", 415),
        (b"Content-Transfer-Encoding: BINARY", 201),
        (b"Content-Transfer-Encoding: 8bit", 201),
        (b"Content-Transfer-Encoding: 7bit", 201),
        (b"Content-Encoding: identity", 201),
    ],
)
def test_an_encoded_field_is_refused_by_name(served: Served, header: bytes, status: int) -> None:
    file = b'name="file"; filename="a.txt"'
    reply = send(served, field(file, b"YWJj", header + b"\r\n"))
    assert reply.status == status, reply.body
    if status == 415:
        assert (reply.code, reply.fields) == ("unsupported_type", ["file"])
        reply = send(served, field(b'name="name"', b"YWJj", header + b"\r\n") + field(file))
        assert (reply.code, reply.fields) == ("unsupported_type", ["name"])
