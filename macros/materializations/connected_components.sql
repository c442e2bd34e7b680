{#-
    Turns a model's query, an edge list of two text columns, into its connected components: one row per node with
    `node_key`, `component_key` (the smallest node_key of the component) and `component_size`. Direction and repetition
    of links mean nothing; a link to itself makes a component of one; a link without one of its ends is none.

    Config of the model, under `meta.components`: `edge`, the names of the two columns.

    Randomised contraction. In each round every node points at the smallest node of its closed neighbourhood, in an
    order that is mixed anew each round, and edges are renamed to what their ends point at. The edge table shrinks
    geometrically, so all rounds together cost about two first ones, and a path of n nodes takes O(log n) rounds; in
    an order that stays the same a path would take n. Each round is a table, for engines that re-expand queries.
    After 60 rounds it gives up with an error; that is beyond any graph that fits a warehouse.

    Beside the table stand `<model>__edges`, the links of the last build as pairs of numbers (`low`, `high`), and
    `<model>__changed`, the `node_key` of every row that the last build added, altered or removed, which
    `changed_keys(ref(model), 'node_key')` reads. A build takes the difference between those links and the query's:
    the old components of its ends, with the links they have now, are contracted again and the rows that came out
    different are replaced, so that a link that went splits what it held together. Without a difference nothing is
    written. `--full-refresh`, a missing table or list of links, and a list of which no link is left build all.
    The three tables change in one transaction: a build that fails leaves them as they were.

    Links are compared by the numbers of their ends. Two keys of one number end the build with an error, except where
    both are tied to the same third node and the second comes in an increment: that one goes unnoticed until the next
    full build. At ten million nodes the odds are one in 10^11.

    Why it is done so: docs/decisions/0010-components-restart-where-links-touch.md.
-#}
{% materialization connected_components, adapter='duckdb' %}
    {%- set edge_from, edge_to = config.get('meta')['components']['edge'] -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set stored = components_beside('edges') -%}
    {%- set changed = changed_rows_relation(target_relation) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_comparable = existing is not none and existing.is_table
        and components_columns_of(existing) == ['node_key', 'component_key', 'component_size'] -%}
    {%- set is_from_scratch = should_full_refresh() or not is_comparable
        or load_cached_relation(stored) is none or components_columns_of(stored) != ['low', 'high'] -%}
    {%- set scratch = [] -%}

    {{ run_hooks(pre_hooks) }}

    {%- set links -%}
        select
            node_a,
            node_b,
            least(number_a, number_b) as low,
            greatest(number_a, number_b) as high
        from (
            select
                node_a,
                node_b,
                {{ number_of_text('node_a') }} as number_a,
                {{ number_of_text('node_b') }} as number_b
            from (
                select
                    cast({{ edge_from }} as {{ dbt.type_string() }}) as node_a,
                    cast({{ edge_to }} as {{ dbt.type_string() }}) as node_b
                from (
                    {{ sql }}
                ) as edge_list
                where {{ edge_from }} is not null and {{ edge_to }} is not null
            ) as keys
        ) as numbered
    {%- endset -%}

    {#- links that came, with their keys, and links that went, as far as there is something to compare with -#}
    {%- set plan = namespace(is_full=is_from_scratch, came=none, went=none) -%}
    {%- if is_from_scratch -%}
        {%- set plan.came = components_scratch(scratch, 'came', links) -%}
    {%- else -%}
        {#- both in one look at the query, which may be long -#}
        {%- set differing = components_scratch(scratch, 'differing',
            "select links.node_a, links.node_b, coalesce(links.low, stored.low) as low, coalesce(links.high,"
            ~ " stored.high) as high, stored.low is null as is_new from (" ~ links ~ ") as links full outer join "
            ~ stored ~ " as stored on stored.low = links.low and stored.high = links.high"
            ~ " where links.low is null or stored.low is null"
        ) -%}
        {%- set plan.came = "(select * from " ~ differing ~ " where is_new)" -%}
        {%- set plan.went = "(select low, high from " ~ differing ~ " where not is_new)" -%}
        {%- set went_count = components_scalar("select count(*) from " ~ plan.went ~ " as went") | int -%}
        {%- set stored_count = components_scalar("select count(*) from " ~ stored) | int -%}
        {#- also where another version of the engine draws other numbers -#}
        {%- set plan.is_full = went_count == stored_count -%}
    {%- endif -%}

    {%- if not plan.is_full and components_scalar("select count(*) from " ~ differing) | int == 0 -%}
        {%- do log(this ~ ': no link came or went') -%}
        {% call statement('main') %}{{ components_none_changed(changed, target_relation) }}{% endcall %}

    {%- elif plan.is_full -%}
        {%- set now = components_scratch(scratch, 'links',
            "select distinct low, high from " ~ plan.came ~ " as came") -%}
        {#- `union` over the keys is the dearest step: the only one that compares texts -#}
        {%- set nodes = components_scratch(scratch, 'nodes',
            "select node_key, " ~ number_of_text('node_key') ~ " as node from (select node_a as node_key from "
            ~ plan.came ~ " as came_a union select node_b from " ~ plan.came ~ " as came_b) as ends"
        ) -%}
        {%- if is_from_scratch -%}{%- do components_drop(scratch, plan.came) -%}{%- endif -%}
        {%- do components_check_numbers(nodes) -%}
        {%- set labelled = components_labelled(scratch, nodes, components_contracted(scratch, now)) -%}
        {%- set before -%}
            {%- if is_comparable and not should_full_refresh() -%}
                {{ components_scratch(scratch, 'before', "select * from " ~ existing) }}
            {%- endif -%}
        {%- endset -%}

        {% call statement('main') %}
            {% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }}; {%- endif %}
            {{ create_table_as(False, target_relation, labelled) }};
            drop table if exists {{ stored }};
            create table {{ stored }} as select low, high from {{ now }};
            drop table if exists {{ changed }};
            {% if should_full_refresh() -%}
                {{ components_none_changed(changed, target_relation) }}
            {%- elif before | trim -%}
                create table {{ changed }} as {{ components_differing_keys(before | trim, target_relation) }};
            {%- else -%}
                create table {{ changed }} as select node_key from {{ target_relation }};
            {%- endif %}
        {% endcall %}

    {%- else -%}
        {%- set before = components_scratch(scratch, 'before',
            "select node_key, component_key, component_size, " ~ number_of_text('node_key') ~ " as node from "
            ~ existing ~ " where component_key in (select component_key from " ~ existing ~ " where "
            ~ number_of_text('node_key') ~ " in (select low from " ~ differing ~ " union all select high from "
            ~ differing ~ "))"
        ) -%}
        {%- set now = components_scratch(scratch, 'links',
            "select low, high from (select low, high from " ~ stored ~ " where low in (select node from " ~ before
            ~ ") except select low, high from " ~ plan.went ~ " as went) as stayed"
            ~ " union select low, high from " ~ plan.came ~ " as came"
        ) -%}
        {%- set nodes = components_scratch(scratch, 'nodes',
            "select node_key, node from (select node_key, node from " ~ before ~ " union select node_a, "
            ~ number_of_text('node_a') ~ " from " ~ plan.came ~ " as came_a union select node_b, "
            ~ number_of_text('node_b') ~ " from " ~ plan.came ~ " as came_b) as ends"
            ~ " where node in (select low from " ~ now ~ " union all select high from " ~ now ~ ")"
        ) -%}
        {%- do components_check_numbers(nodes) -%}
        {%- set fresh = components_scratch(scratch, 'fresh',
            components_labelled(scratch, nodes, components_contracted(scratch, now))) -%}
        {%- set replaced = components_scratch(scratch, 'replaced', components_differing_keys(before, fresh)) -%}

        {% call statement('main') %}
            delete from {{ target_relation }} where node_key in (select node_key from {{ replaced }});

            insert into {{ target_relation }} (node_key, component_key, component_size)
            select node_key, component_key, component_size from {{ fresh }}
            where node_key in (select node_key from {{ replaced }});

            delete from {{ stored }} where exists (
                select 1 from {{ plan.went }} as went where went.low = {{ stored }}.low and went.high = {{ stored }}.high
            );

            insert into {{ stored }} (low, high) select distinct low, high from {{ plan.came }} as came;

            drop table if exists {{ changed }};

            create table {{ changed }} as select node_key from {{ replaced }};
        {% endcall %}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {#- dbt-duckdb rolls a custom materialisation back, and reports success, unless it commits -#}
    {%- do adapter.commit() -%}
    {%- for relation in scratch | list -%}{%- do components_drop(scratch, relation) -%}{%- endfor -%}
    {#- dbt lists relations once, at its start: unless told, it would not see these in this run -#}
    {%- do adapter.cache_added(stored) -%}
    {%- do adapter.cache_added(changed) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#-
    Contracts links of numbers to nothing and returns the table (`node`, `points_at`) that says for each of their nodes
    which one stands for its component; none where no link joins two nodes. Nodes without a row stand for themselves.
-#}
{% macro components_contracted(scratch, links) %}
    {%- set joining -%} (select low, high from {{ links }} where low <> high) {%- endset -%}
    {%- set round = namespace(number=0, edges=joining, composed=none) -%}
    {%- set maps = [] -%}
    {%- for number in range(60) if components_scalar("select count(*) from " ~ round.edges ~ " as edges") | int > 0 -%}
        {#- Any constants of as many bits as the numbers do, as long as they look random: a bit that is never mixed
            would order the nodes alike in every round. These are fixed, so that a rerun repeats itself. -#}
        {%- set mix = (local_md5('round ' ~ number)[:16] | int(base=16)) // 2 -%}
        {%- set pointers = components_scratch(scratch, 'map_' ~ number,
            "select a as node, " ~ bits_differing(
                "least(" ~ bits_differing('a', mix) ~ ", min(" ~ bits_differing('b', mix) ~ "))", mix
            ) ~ " as points_at from (select low as a, high as b from " ~ round.edges ~ " as upwards union all"
            ~ " select high, low from " ~ round.edges ~ " as downwards) as both_ways group by a"
        ) -%}
        {%- do maps.append(pointers) -%}
        {%- set shorter = components_scratch(scratch, 'round_' ~ number,
            "select distinct least(a.points_at, b.points_at) as low, greatest(a.points_at, b.points_at) as high from "
            ~ round.edges ~ " as edges inner join " ~ pointers ~ " as a on a.node = edges.low inner join " ~ pointers
            ~ " as b on b.node = edges.high where a.points_at <> b.points_at"
        ) -%}
        {%- if number > 0 -%}{%- do components_drop(scratch, round.edges) -%}{%- endif -%}
        {%- set round.edges = shorter -%}
        {%- set round.number = number + 1 -%}
    {%- endfor -%}
    {%- if components_scalar("select count(*) from " ~ round.edges ~ " as edges") | int > 0 -%}
        {{ exceptions.raise_compiler_error(this ~ ": not finished after " ~ round.number ~ " rounds") }}
    {%- endif -%}
    {%- do log(this ~ ': contracted in ' ~ round.number ~ ' rounds') -%}

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
    {{ return(round.composed) }}
{% endmacro %}


{#- The query for the rows of nodes (`node_key`, `node`), once contracting has said what stands for whom. -#}
{% macro components_labelled(scratch, nodes, composed) %}
    {%- set labelled = nodes -%}
    {%- if composed is not none -%}
        {%- set labelled = components_scratch(scratch, 'labelled',
            "select nodes.node_key, coalesce(composed.points_at, nodes.node) as node from " ~ nodes
            ~ " as nodes left join " ~ composed ~ " as composed on composed.node = nodes.node"
        ) -%}
        {%- do components_drop(scratch, nodes) -%}
    {%- endif -%}
    {{ return(
        "select labelled.node_key, components.component_key, components.component_size from " ~ labelled
        ~ " as labelled inner join (select node, min(node_key) as component_key, cast(count(*) as bigint) as"
        ~ " component_size from " ~ labelled ~ " group by node) as components on components.node = labelled.node"
    ) }}
{% endmacro %}


{#- The query for the keys of rows that stand in only one of two tables of components. -#}
{% macro components_differing_keys(before, after) %}
    {%- set columns = "node_key, component_key, component_size" -%}
    {{ return(
        "select node_key from (select " ~ columns ~ " from " ~ before ~ " except all select " ~ columns ~ " from "
        ~ after ~ ") as gone union select node_key from (select " ~ columns ~ " from " ~ after ~ " except all select "
        ~ columns ~ " from " ~ before ~ ") as come"
    ) }}
{% endmacro %}


{#- The statement that says of a build that it changed no node. -#}
{% macro components_none_changed(changed, target_relation) %}
    create or replace table {{ changed }} as select node_key from {{ target_relation }} where false
{% endmacro %}


{#- Ends the build where two keys of the nodes share a number: they would be taken for one node. -#}
{% macro components_check_numbers(nodes) %}
    {%- if components_scalar("select count(*) - count(distinct node) from " ~ nodes) | int > 0 -%}
        {{ exceptions.raise_compiler_error(
            this ~ ": two node keys share a 63-bit number; let number_of_text hash the text with a salt"
        ) }}
    {%- endif -%}
{% endmacro %}


{#- A table kept beside the model between builds. -#}
{% macro components_beside(suffix) %}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier ~ '__' ~ suffix, type='table'
    )) }}
{% endmacro %}


{#- Names of a relation's columns, in their order. -#}
{% macro components_columns_of(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) }}
{% endmacro %}


{#- Writes a query into a scratch table, notes it for removal and returns it. -#}
{% macro components_scratch(scratch, suffix, query) %}
    {%- set relation = scratch_relation(suffix) -%}
    {%- do run_query(scratch_table(relation, query)) -%}
    {%- do scratch.append(relation) -%}
    {{ return(relation) }}
{% endmacro %}


{#- Removes a scratch table: its memory is free for the next ones. -#}
{% macro components_drop(scratch, relation) %}
    {%- do run_query("drop table if exists " ~ relation) -%}
    {%- do scratch.remove(relation) -%}
{% endmacro %}


{#- The one value that a query gives. -#}
{% macro components_scalar(query) %}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}
