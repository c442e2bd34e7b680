"""The links whose removal splits a customer into two parts of more than one identifier each."""

import pyarrow

from orchestration.lib.identity.bridges import find_bridges


def model(dbt, session):
    dbt.config(materialized="table")
    links = dbt.ref("int_inner_links").order("link_key").fetchnumpy()
    bridges = find_bridges(links["node_a"], links["node_b"], links["identifier_count_a"], links["identifier_count_b"])
    return pyarrow.table(
        {
            "link_key": pyarrow.array([links["link_key"][place] for place, _ in bridges], pyarrow.string()),
            "smaller_side_count": pyarrow.array([count for _, count in bridges], pyarrow.int64()),
        }
    )
