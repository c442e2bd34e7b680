"""The Python step int_bridge_links: finds links whose removal splits what they hold together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def bridge_links(links: pa.Table) -> pa.Table:
    """The rows of int_bridge_links; `links` has link_key, node_a, node_b, identifier_count_a and identifier_count_b."""
    ends = (links[name].to_numpy() for name in ("node_a", "node_b", "identifier_count_a", "identifier_count_b"))
    bridges = find_bridges(*ends)
    return pa.table(
        {
            "link_key": links["link_key"].take(pa.array([place for place, _ in bridges], pa.int64())),
            "smaller_side_count": pa.array([count for _, count in bridges], pa.int64()),
        }
    )


def find_bridges(
    node_a: Sequence[int], node_b: Sequence[int], count_a: Sequence[int], count_b: Sequence[int]
) -> list[tuple[int, int]]:
    """Finds the bridges of a graph given as links between numbered nodes.

    `node_a`, `node_b`, `count_a` and `count_b` have one entry per link: its ends and what each end counts for. Returns
    (position of the link, count on its smaller side) for each bridge, by position. Two links between the same nodes
    are no bridges; a link of a node with itself is none.

    Tarjan, "A note on finding the bridges of a graph" (1974), walked without recursion: a link down the tree of a
    depth-first walk is a bridge where nothing below reaches above it.
    """
    if len(node_a) == 0:
        return []
    names, numbers = np.unique(np.concatenate([np.asarray(node_a), np.asarray(node_b)]), return_inverse=True)
    link_count, node_count = len(node_a), len(names)
    ends = numbers.reshape(2, link_count)
    weights = np.zeros(node_count, np.int64)
    weights[ends[0]] = np.asarray(count_a)
    weights[ends[1]] = np.asarray(count_b)
    # of each node: its neighbours, and by which link, one after the other
    starts_at = np.concatenate([ends[0], ends[1]])
    order = np.argsort(starts_at, kind="stable")
    neighbours = np.concatenate([ends[1], ends[0]])[order].tolist()
    by_link = np.concatenate([np.arange(link_count), np.arange(link_count)])[order].tolist()
    offsets = np.searchsorted(starts_at[order], np.arange(node_count + 1)).tolist()
    counts = weights.tolist()

    reached = [0] * node_count
    lowest = [0] * node_count
    next_place = offsets[:-1].copy()
    came_by = [-1] * node_count
    found: list[tuple[int, int]] = []
    clock = 0
    for root in range(node_count):
        if reached[root]:
            continue
        clock += 1
        reached[root] = lowest[root] = clock
        path, below_root = [root], []
        while path:
            node = path[-1]
            place = next_place[node]
            if place < offsets[node + 1]:
                next_place[node] = place + 1
                link, neighbour = by_link[place], neighbours[place]
                if link == came_by[node]:
                    continue
                if reached[neighbour]:
                    lowest[node] = min(lowest[node], reached[neighbour])
                else:
                    clock += 1
                    reached[neighbour] = lowest[neighbour] = clock
                    came_by[neighbour] = link
                    path.append(neighbour)
                continue
            path.pop()
            if path:
                above = path[-1]
                lowest[above] = min(lowest[above], lowest[node])
                counts[above] += counts[node]
                if lowest[node] > reached[above]:
                    below_root.append((came_by[node], counts[node]))
        found.extend((link, min(below, counts[root] - below)) for link, below in below_root)
    return sorted(found)
