"""The occlusions of a picture as a directed graph: from the object in front to the one behind."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from c2fseg.evaluation.functional.occlusion_order import Occlusion


def occlusion_graph(occlusions: Iterable[Occlusion], num_objects: int) -> nx.DiGraph:
    """Build the graph of a picture.

    Args:
        occlusions: From :func:`occlusion_order`.
        num_objects: Objects n of the picture.

    Returns:
        Nodes 0 to n - 1, and an edge with ``pixels`` from front to back for each occlusion.

    Raises:
        ValueError: An occlusion names an object that is not there, or an object and itself.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(range(num_objects))
    for front, back, pixels in occlusions:
        if front == back or not {front, back} <= set(range(num_objects)):
            raise ValueError(
                f'An occlusion is between two of {num_objects} objects, got {front} over {back}.'
            )
        graph.add_edge(front, back, pixels=pixels)
    return graph


def occlusion_cycles(graph: nx.DiGraph) -> list[list[int]]:
    """Find the groups of objects that hide each other in a circle.

    Sticks that are laid over each other in turn do so; in predicted masks a circle more often says
    that one of its occlusions is wrong.

    Returns:
        The strongly connected groups of more than one object, ascending.
    """
    groups = (sorted(group) for group in nx.strongly_connected_components(graph))
    return sorted(group for group in groups if len(group) > 1)


def depth_layers(graph: nx.DiGraph) -> list[list[int]]:
    """Sort the objects into layers, the front ones first.

    Layer 0 holds the objects that nothing hides; an object in layer d > 0 is hidden by one of
    layer d - 1 and by none of its own layer, but for circles: their objects share a layer.

    Returns:
        Positions of objects, ascending in each layer.
    """
    circles_joined = nx.condensation(graph)
    members = circles_joined.nodes(data='members')
    return [
        sorted(place for node in layer for place in members[node])
        for layer in nx.topological_generations(circles_joined)
    ]
