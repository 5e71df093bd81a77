"""Graphs of operators as plain data; what they compute is tested with the exports."""

import numpy as np

from skembed._graph import Graph


def test_what_is_added_twice_is_computed_once():
    graph = Graph()
    first = graph.add("Add", "x", np.array([1.0, 2.0]))
    assert graph.add("Add", "x", np.array([1.0, 2.0])) == first
    assert len(graph.nodes) == len(graph.constants) == 1
    others = [
        graph.add("Mul", "x", np.array([1.0, 2.0])),
        graph.add("Add", "y", np.array([1.0, 2.0])),
        graph.add("Add", "x", np.array([1.0, 2.0], dtype=np.float32)),
        graph.add("Add", "x", np.array([[1.0, 2.0]])),
        graph.cast("x", np.float32),
        graph.cast("x", np.float64),
    ]
    assert len({first, *others}) == len(graph.nodes) == 7
    assert len(graph.constants) == 3


def test_constants():
    graph = Graph()
    words = np.array(["a", "b"], dtype=object)
    names = [graph.constant(value) for value in (words, words.copy(), 1, 1.0)]
    assert names[0] == names[1] and len(set(names)) == 3
    assert graph.constants[names[0]] is words
    assert [graph.constants[name].dtype for name in names[2:]] == [np.int64, np.float64]


def test_names_that_are_taken():
    names = [Graph(taken=["Relu_0", "Relu_0_"]).add("Relu", "x"), Graph().add("Relu", "x")]
    assert names == ["Relu_0__", "Relu_0"]


def test_keys_and_their_numbers():
    graph = Graph()
    output = graph.number("x", np.array([3, 5]), range(1, 3), "int64s")
    (node,) = graph.nodes
    assert (node.operator, node.inputs, node.output) == ("LabelEncoder", ("x",), output)
    assert node.attributes == {"keys_int64s": [3, 5], "values_int64s": [1, 2], "default_int64": 0}
