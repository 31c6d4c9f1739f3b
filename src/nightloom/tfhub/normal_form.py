"""A SavedModel in a form that depends only on its content, so that equal models have equal bytes.

TensorFlow numbers functions and their captures by a process-wide counter, orders them by those
names, and writes a random identity into `fingerprint.pb`. Here functions are numbered in the order
in which the graph reaches them, arguments by position; the fingerprint is removed, and so are the
devices and optimiser options of the process that wrote it (loading needs neither: a function runs
with those of the process that calls it).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"_\d+$")
_GRADIENT = "_gradient_op_type"
_GIVEN_NAME = "_user_specified_name"
_PROCESS = "config_proto"
"""How the calling process runs a function: its devices by kind, its optimiser options."""


def normalize_saved_model(directory: Path) -> None:
    """Rewrite `saved_model.pb` in `directory`, and remove `fingerprint.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = directory / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in model.meta_graphs:
        _renumber(graph)
    path.write_bytes(model.SerializeToString(deterministic=True))
    (directory / "fingerprint.pb").unlink(missing_ok=True)


def _renumber(graph: Any) -> None:
    library = graph.graph_def.library
    functions = {function.signature.name: function for function in library.function}
    order = _order(graph, functions)
    names = {name: f"{_NUMBER.sub('', name)}_{i}" for i, name in enumerate(order)}
    gradients: dict[bytes, bytes] = {}
    for nodes in (graph.graph_def.node, *(functions[name].node_def for name in order)):
        for node in nodes:
            _rename(node, names, gradients)
    for gradient in library.gradient:
        gradient.function_name = names[gradient.function_name]
        gradient.gradient_func = names[gradient.gradient_func]
    kept = [functions[name] for name in order]
    described = graph.object_graph_def.concrete_functions
    for name, function in zip(order, kept, strict=True):
        given = None
        if name in described:
            given = len(function.signature.input_arg) - len(described[name].bound_inputs)
        _rename_arguments(function, given=given)
        function.signature.name = names[name]
    copies = [type(function).FromString(function.SerializeToString()) for function in kept]
    del library.function[:]
    library.function.extend(copies)
    objects = graph.object_graph_def
    for node in objects.nodes:
        if node.HasField("function"):
            concrete = node.function.concrete_functions
            concrete[:] = [names[name] for name in concrete]
        elif node.HasField("bare_concrete_function"):
            bare = node.bare_concrete_function
            bare.concrete_function_name = names[bare.concrete_function_name]
    described = {names[name]: value for name, value in objects.concrete_functions.items()}
    copied = {
        name: type(value).FromString(value.SerializeToString()) for name, value in described.items()
    }
    objects.concrete_functions.clear()
    for name in sorted(copied):
        objects.concrete_functions[name].CopyFrom(copied[name])


def _rename_arguments(function: Any, *, given: int | None) -> None:
    """Name arguments and results by position; callers inside a graph only use positions.

    `given`: how many of the first arguments external callers pass by name; None without such
    callers.
    """
    signature = function.signature
    arguments = list(signature.input_arg)[given or 0 :]
    inputs = {arg.name: f"argument_no_{i}" for i, arg in enumerate(arguments)}
    outputs = {}
    if given is None:
        outputs = {arg.name: f"result_no_{i}" for i, arg in enumerate(signature.output_arg)}
    for arg in signature.input_arg:
        arg.name = inputs.get(arg.name, arg.name)
    for arg in signature.output_arg:
        arg.name = outputs.get(arg.name, arg.name)
    for node in function.node_def:
        node.input[:] = [_source(name, inputs) for name in node.input]
    results = {outputs.get(key, key): _source(value, inputs) for key, value in function.ret.items()}
    function.ret.clear()
    function.ret.update(results)
    for i, described in function.arg_attr.items():
        if i >= (given or 0) and _GIVEN_NAME in described.attr:
            described.attr[_GIVEN_NAME].s = b"argument_no_%d" % i


def _source(name: str, inputs: dict[str, str]) -> str:
    head, colon, tail = name.partition(":")
    return inputs.get(head, head) + colon + tail


def _order(graph: Any, functions: dict[str, Any]) -> list[str]:
    """Every function once, in the order reached by the graph's nodes, then the saved objects."""
    seen: dict[str, None] = {}

    def visit(name: str) -> None:
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in functions and name not in seen:
                seen[name] = None
                inner = [f for node in functions[name].node_def for f in _called(node)]
                waiting.extend(reversed(inner))

    for node in graph.graph_def.node:
        for name in _called(node):
            visit(name)
    for saved in graph.object_graph_def.nodes:
        for name in saved.function.concrete_functions:
            visit(name)
        visit(saved.bare_concrete_function.concrete_function_name)
    for name in sorted(functions):
        visit(name)
    return list(seen)


def _attributes(node: Any) -> Iterator[Any]:
    for key in sorted(node.attr):
        yield node.attr[key]


def _called(node: Any) -> Iterator[str]:
    for value in _attributes(node):
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _rename(node: Any, names: dict[str, str], gradients: dict[bytes, bytes]) -> None:
    for value in _attributes(node):
        if value.HasField("func"):
            value.func.name = names.get(value.func.name, value.func.name)
        for function in value.list.func:
            function.name = names.get(function.name, function.name)
    if _PROCESS in node.attr:
        node.attr[_PROCESS].s = b""
    if _GRADIENT in node.attr:
        given = node.attr[_GRADIENT].s
        kind = given.rsplit(b"-", 1)[0]
        node.attr[_GRADIENT].s = gradients.setdefault(given, b"%s-%d" % (kind, len(gradients)))
