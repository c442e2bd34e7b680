{#-
    Turns a model's query, an edge list of two text columns, into its connected components: one row per node with
    `node_key`, `component_key` (the smallest node_key of the component) and `component_size`.

    Randomised contraction. In each round every node points at the smallest node of its closed neighbourhood, in an
    order that is mixed anew each round, and edges are renamed to what their ends point at. The edge table shrinks
    geometrically, so all rounds together cost about two first ones, and a path of n nodes takes O(log n) rounds; in
    an order that stays the same a path would take n. Each round is a table, for engines that re-expand queries.

    Config of the model, under `meta.components`: `edge`, the names of the two columns.
    After 60 rounds it gives up with an error; that is beyond any graph that fits a warehouse.
-#}
{% materialization connected_components, adapter='duckdb' %}
    {%- set edge_from, edge_to = config.get('meta')['components']['edge'] -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set scratch = [] -%}

    {{ run_hooks(pre_hooks) }}

    {%- set edges = components_scratch(scratch, 'edges',
        "select cast(" ~ edge_from ~ " as " ~ dbt.type_string() ~ ") as node_a, cast(" ~ edge_to ~ " as "
        ~ dbt.type_string() ~ ") as node_b from (" ~ sql ~ ") as edge_list where " ~ edge_from ~ " is not null and "
        ~ edge_to ~ " is not null"
    ) -%}
    {%- set nodes = components_scratch(scratch, 'nodes',
        "select node_key, " ~ number_of_text('node_key') ~ " as node from (select node_a as node_key from " ~ edges
        ~ " union select node_b from " ~ edges ~ ") as ends"
    ) -%}
    {%- if scalar("select count(*) - count(distinct node) from " ~ nodes) | int > 0 -%}
        {{ exceptions.raise_compiler_error(this ~ ": two node keys share a 60-bit number; salt number_of_text") }}
    {%- endif -%}
    {%- set round = namespace(
        number=0,
        edges=components_scratch(scratch, 'round_0',
            "select distinct least(a.node, b.node) as u, greatest(a.node, b.node) as v from " ~ edges
            ~ " as edges inner join " ~ nodes ~ " as a on a.node_key = edges.node_a inner join " ~ nodes
            ~ " as b on b.node_key = edges.node_b where a.node <> b.node"
        ),
        composed=none,
    ) -%}

    {%- set maps = [] -%}
    {%- for number in range(60) if scalar("select count(*) from " ~ round.edges) | int > 0 -%}
        {#- any constants do, as long as they look random; these are fixed, so that a rerun repeats itself -#}
        {%- set mix = local_md5('round ' ~ number)[:15] | int(base=16) -%}
        {%- set pointers = components_scratch(scratch, 'map_' ~ number,
            "select a as node, " ~ bits_differing(
                "least(" ~ bits_differing('a', mix) ~ ", min(" ~ bits_differing('b', mix) ~ "))", mix
            ) ~ " as points_at from (select u as a, v as b from " ~ round.edges ~ " union all select v, u from "
            ~ round.edges ~ ") as both_ways group by a"
        ) -%}
        {%- do maps.append(pointers) -%}
        {%- set round.number = number + 1 -%}
        {%- set round.edges = components_scratch(scratch, 'round_' ~ round.number,
            "select distinct least(a.points_at, b.points_at) as u, greatest(a.points_at, b.points_at) as v from "
            ~ round.edges ~ " as edges inner join " ~ pointers ~ " as a on a.node = edges.u inner join " ~ pointers
            ~ " as b on b.node = edges.v where a.points_at <> b.points_at"
        ) -%}
    {%- endfor -%}
    {%- if scalar("select count(*) from " ~ round.edges) | int > 0 -%}
        {{ exceptions.raise_compiler_error(this ~ ": not finished after " ~ round.number ~ " rounds") }}
    {%- endif -%}

    {#- the rounds' maps are composed backwards, the smallest first -#}
    {%- for pointers in maps | reverse -%}
        {%- if round.composed is none -%}
            {%- set round.composed = pointers -%}
        {%- else -%}
            {%- set round.composed = components_scratch(scratch, 'composed_' ~ loop.index,
                "select maps.node, coalesce(later.points_at, maps.points_at) as points_at from " ~ pointers
                ~ " as maps left join " ~ round.composed ~ " as later on later.node = maps.points_at"
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set labelled -%}
        with labelled as (
            select
                nodes.node_key,
                {% if round.composed is none %}nodes.node{% else %}coalesce(composed.points_at, nodes.node){% endif %}
                    as component
            from {{ nodes }} as nodes
            {% if round.composed is not none -%}
            left join {{ round.composed }} as composed on composed.node = nodes.node
            {%- endif %}
        ),

        components as (
            select component, min(node_key) as component_key, cast(count(*) as bigint) as component_size
            from labelled
            group by component
        )

        select labelled.node_key, components.component_key, components.component_size
        from labelled
        inner join components on components.component = labelled.component
    {%- endset -%}

    {%- if existing is not none -%}{%- do adapter.drop_relation(existing) -%}{%- endif -%}
    {% call statement('main') %}{{ create_table_as(False, target_relation, labelled) }}{% endcall %}
    {%- for relation in scratch -%}{%- do adapter.drop_relation(relation) -%}{%- endfor -%}

    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {#- dbt-duckdb rolls a custom materialisation back, and reports success, unless it commits -#}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Creates a scratch table beside the model, notes it for removal and returns it. -#}
{% macro components_scratch(scratch, suffix, query) %}
    {%- set relation = this.incorporate(path={'identifier': this.identifier ~ '__' ~ suffix}, type='table') -%}
    {%- do run_query("drop table if exists " ~ relation) -%}
    {%- do run_query("create table " ~ relation ~ " as " ~ query) -%}
    {%- do scratch.append(relation) -%}
    {{ return(relation) }}
{% endmacro %}


{#- The one value that a query gives. -#}
{% macro scalar(query) %}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}
