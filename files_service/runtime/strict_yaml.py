"""YAML whose mappings name no key twice: the second would silently replace the first."""

from __future__ import annotations

import yaml


class _StrictLoader(yaml.SafeLoader):
    pass


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[object, object]:
    seen = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {name} comes twice", key.start_mark)
        seen |= {name} - {""}
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str) -> object:
    """Return the document of a text. Raises yaml.YAMLError, also for a key that comes twice in one mapping."""
    return yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader
