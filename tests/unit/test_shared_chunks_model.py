"""Random uploads, copies, removals and deleted keys of owners of several tenants, beside a model of what is stored."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files_service.core import Core
from storage_adapters import KeyUnavailable
from tests.cores import call
from tests.scale import at_scale
from tests.unit.lost_bytes import chunked_file
from tests.unit.shared_chunks import CHUNK, TENANTS, bytes_of, chunk_keys, encrypting_core, new_key, sweep_all

KEY = new_key()
OWNERS = [*TENANTS, "stranger"]
CONTENTS = ["a", "ab", "ba", "aab"]
EXAMPLES = at_scale(quick=4, default=8, nightly=200)

owners = st.sampled_from(OWNERS)
acts = st.one_of(
    st.tuples(st.just("send"), owners, st.sampled_from(CONTENTS)),
    st.tuples(st.just("send"), owners, st.sampled_from(CONTENTS)),
    st.tuples(st.just("copy"), owners, st.integers(0, 9)),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("delete key"), st.sampled_from(["acme", "other"])),
    st.tuples(st.just("rest")),
)


@dataclass
class Model:
    """The files that are there: the letters of each, and the domain that keeps them, a tenant's one with a number."""

    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)

    def domain(self, owner: str) -> str:
        tenant = TENANTS.get(owner)
        return owner if tenant is None else f"{tenant}/{self.keys[tenant]}"

    def is_readable(self, file_id: str) -> bool:
        domain = self.files[file_id][1]
        tenant, _, number = domain.partition("/")
        return not number or int(number) == self.keys[tenant]

    def chunks(self) -> int:
        return len({(domain, letter) for letters, domain in self.files.values() for letter in letters})


def whole(letters: str) -> bytes:
    return b"".join(letter.encode() * CHUNK for letter in letters)


def do(core: Core, model: Model, act: tuple[Any, ...]) -> None:
    files = list(model.files)
    match act:
        case ("send", owner, letters):
            model.files[chunked_file(core, whole(letters), owner)["file_id"]] = letters, model.domain(owner)
        case ("copy", owner, number) if files and model.is_readable(files[number % len(files)]):
            source = files[number % len(files)]
            request_id = f"{len(files)}-{core.new_id()}"
            copy = call(core, "files.clone", file_id=source, owner=owner, request_id=request_id)["file_id"]
            call(core, "files.process", file_id=copy)
            model.files[copy] = model.files[source][0], model.domain(owner)
        case ("remove", number) if files:
            call(core, "files.remove", file_id=files[number % len(files)])
            del model.files[files[number % len(files)]]
        case ("delete key", tenant):
            assert core.keys is not None
            if core.keys.delete(tenant):
                model.keys[tenant] += 1
        case ("rest",):
            sweep_all(core)
            assert len(chunk_keys(core)) == model.chunks()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=EXAMPLES)
@given(acts=st.lists(acts, min_size=4, max_size=14))
def test_what_is_stored_is_what_the_model_says(kind: str, acts: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        url = "memory://" if kind == "memory" else f"sqlite:///{folder}/files.db"
        with closing(encrypting_core(Path(folder), KEY, metadata=url)) as core:
            model = Model()
            for act in [*acts, ("rest",)]:
                do(core, model, act)
            for file_id, (letters, _) in model.files.items():
                if model.is_readable(file_id):
                    assert bytes_of(core, file_id) == whole(letters)
                else:
                    with pytest.raises(KeyUnavailable):
                        bytes_of(core, file_id)
