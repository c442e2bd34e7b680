{#-
    Turns a model's query, an edge list of two text columns, into its connected components: one row per node with
    `node_key`, `component_key` (the smallest node_key of the component) and `component_size`. Direction and repetition
    of links mean nothing; a link to itself makes a component of one; a link without one of its ends is ignored.

    Config of the model, under `meta.components`: `edge`, the names of the two columns.

    The steps are macros in components/, and each is tested alone:

    1. number the nodes             components_links, components_nodes
    2. contract one round           components_pointers, components_shorter_edges; all rounds: components_contracted
    3. expand the labels back       components_composed, components_represented, components_rows
    4. apply a change of links      components_changed_links, components_restarted, components_differing_keys,
                                    components_replacement

    Randomised contraction. In each round every node points at the smallest node of its closed neighbourhood, in an
    order that is different each round, and edges are renamed to what their ends point at. The edge table shrinks
    geometrically, so all rounds together cost about two first ones, and a path of n nodes takes O(log n) rounds; in
    one fixed order a path would take n. Each round is a table, because some engines re-expand queries.
    After 60 rounds it gives up with an error; that is beyond any graph that fits a warehouse.

    Next to the table are `<model>__edges`, the links of the last build as pairs of numbers (`low`, `high`), and
    `<model>__changed`, the `node_key` of every row that was added, altered or removed when the table last changed. A
    build takes the difference between those links and the query's: the old components of its ends, with the links they
    have now, are contracted again and the rows that came out different are replaced, so that a link that went splits
    what it held together. Without a difference nothing is written. A build from scratch, a missing table or list of
    links, and a list of which no link is left build all.
    The three tables change in one transaction: a build that fails leaves them as they were.

    Links are compared by the numbers of their ends. Two keys of one number end the build with an error, except where
    both are tied to the same third node and the second comes in an increment: that one goes unnoticed until the next
    full build. At ten million nodes the odds are one in 10^11.

    Why it is done so: docs/decisions/0010-components-restart-where-links-touch.md.
-#}
{% materialization connected_components, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set stored = components_kept('edges') -%}
    {%- set changed = changed_rows_relation(target_relation) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_comparable = existing is not none and existing.is_table
        and components_columns_of(existing) == ['node_key', 'component_key', 'component_size'] -%}
    {%- set is_from_scratch = builds_from_scratch() or not is_comparable
        or load_cached_relation(stored) is none or components_columns_of(stored) != ['low', 'high'] -%}
    {%- set scratch = [] -%}

    {{ run_hooks(pre_hooks) }}

    {#- new links, with their keys, and links that are gone, as far as there is something to compare with -#}
    {%- set links = components_links(sql, config.get('meta')['components']['edge']) -%}
    {%- set plan = namespace(is_full=is_from_scratch, is_idle=false, came=none, went=none) -%}
    {%- if is_from_scratch -%}
        {%- set plan.came = components_scratch(scratch, 'came', links) -%}
    {%- else -%}
        {%- set changed_links = components_scratch(
            scratch, 'changed_links', components_changed_links(links, stored)
        ) -%}
        {%- set plan.came = "(select * from " ~ changed_links ~ " where is_new)" -%}
        {%- set plan.went = "(select low, high from " ~ changed_links ~ " where not is_new)" -%}
        {%- set went_count = components_scalar("select count(*) from " ~ plan.went ~ " as went") | int -%}
        {#- also where another version of the engine draws other numbers -#}
        {%- set plan.is_full = went_count == components_scalar("select count(*) from " ~ stored) | int -%}
        {%- set plan.is_idle = components_scalar("select count(*) from " ~ changed_links) | int == 0 -%}
    {%- endif -%}

    {%- if plan.is_full -%}
        {%- set now = components_scratch(
            scratch, 'links', "select distinct low, high from " ~ plan.came ~ " as came"
        ) -%}
        {%- set nodes = components_scratch(scratch, 'nodes', components_nodes(plan.came)) -%}
        {%- if is_from_scratch -%}{%- do components_drop(scratch, plan.came) -%}{%- endif -%}
        {%- do components_check_numbers(nodes) -%}
        {%- set rows_now = components_labelled(scratch, nodes, components_contracted(scratch, now)) -%}
        {%- set before = none -%}
        {%- if is_comparable and not builds_from_scratch() -%}
            {%- set before = components_scratch(scratch, 'before', "select * from " ~ existing) -%}
        {%- endif -%}

        {%- set differing = none -%}
        {%- if before is not none -%}
            {#- a name of its own until the table is replaced -#}
            {%- set fresh = components_scratch(scratch, 'fresh', rows_now) -%}
            {%- set rows_now = "select * from " ~ fresh -%}
            {%- set differing = components_scratch(scratch, 'replaced', components_differing_keys(before, fresh)) -%}
        {%- endif -%}
        {% call statement('main') %}
            {% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }}; {%- endif %}
            {{ create_table_as(False, target_relation, rows_now) }};
            create or replace table {{ stored }} as select low, high from {{ now }};
            {{ components_list_of_changes(changed, differing) }}
        {% endcall %}
        {%- if differing is none -%}
            {%- do report_rows('new') -%}
        {%- else -%}
            {%- do report_rows('changed', count=components_count(differing)) -%}
        {%- endif -%}

    {%- elif plan.is_idle -%}
        {%- do log(this ~ ': no link came or went') -%}
        {% call statement('main') %} select 1 {% endcall %}
        {%- do report_rows('changed', count=0) -%}

    {%- else -%}
        {%- set before = components_scratch(scratch, 'before', components_restarted(existing, changed_links)) -%}
        {%- set now = components_scratch(
            scratch, 'links', components_restarted_links(stored, before, plan.came, plan.went)
        ) -%}
        {%- set nodes = components_scratch(scratch, 'nodes', components_restarted_nodes(before, plan.came, now)) -%}
        {%- do components_check_numbers(nodes) -%}
        {%- set fresh = components_scratch(
            scratch, 'fresh', components_labelled(scratch, nodes, components_contracted(scratch, now))
        ) -%}
        {%- set replaced = components_scratch(scratch, 'replaced', components_differing_keys(before, fresh)) -%}

        {% call statement('main') %}
            {{ components_replacement(target_relation, fresh, replaced, stored, plan.came, plan.went) }}

            {{ components_list_of_changes(changed, replaced) }}
        {% endcall %}
        {%- do report_rows('changed', count=components_count(replaced)) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}
    {#- dbt-duckdb rolls a custom materialisation back, and reports success, unless it commits -#}
    {%- do adapter.commit() -%}
    {%- for relation in scratch | list -%}{%- do components_drop(scratch, relation) -%}{%- endfor -%}
    {#- dbt lists relations once, at its start; without this it would not see these in this run -#}
    {%- do adapter.cache_added(stored) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The statement that keeps the keys that changed; where none did, those of the last change remain. None: an empty list. -#}
{% macro components_list_of_changes(changed, differing) -%}
    {%- if differing is none -%}
    create or replace table {{ changed }} as select cast(null as varchar) as node_key where false;
    {%- elif components_count(differing) -%}
    create or replace table {{ changed }} as select node_key from {{ differing }};
    {%- endif -%}
{%- endmacro %}


{#- How many rows a relation has. -#}
{% macro components_count(relation) %}
    {{ return(components_scalar("select count(*) from " ~ relation) | int) }}
{% endmacro %}


{#- A table that is kept next to the model between builds. -#}
{% macro components_kept(suffix) %}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier ~ '__' ~ suffix, type='table'
    )) }}
{% endmacro %}


{#- Names of a relation's columns, in their order. -#}
{% macro components_columns_of(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) }}
{% endmacro %}
