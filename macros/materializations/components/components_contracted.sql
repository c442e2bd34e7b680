{#-
    Steps 2 and 3 for all rounds: contracts edges of numbers to nothing and returns the table (`node`, `points_at`) that
    gives for each of their nodes the one that represents its component; none where no edge joins two nodes. A node
    without a row represents itself.
-#}
{% macro components_contracted(scratch, edges) %}
    {%- set round = namespace(number=0, edges="(select low, high from " ~ edges ~ " where low <> high)", composed=none) -%}
    {%- set maps = [] -%}
    {%- for number in range(60) if components_scalar("select count(*) from " ~ round.edges ~ " as edges") | int > 0 -%}
        {#- Any constants of as many bits as the numbers do, as long as they look random: a bit that is never mixed
            would order the nodes alike in every round. These are fixed, so that a rerun repeats itself. -#}
        {%- set mix = (local_md5('round ' ~ number)[:16] | int(base=16)) // 2 -%}
        {%- set pointers = components_scratch(scratch, 'map_' ~ number, components_pointers(round.edges, mix)) -%}
        {%- do maps.append(pointers) -%}
        {%- set shorter = components_scratch(
            scratch, 'round_' ~ number, components_shorter_edges(round.edges, pointers)
        ) -%}
        {%- if number > 0 -%}{%- do components_drop(scratch, round.edges) -%}{%- endif -%}
        {%- set round.edges = shorter -%}
        {%- set round.number = number + 1 -%}
    {%- endfor -%}
    {%- if components_scalar("select count(*) from " ~ round.edges ~ " as edges") | int > 0 -%}
        {{ exceptions.raise_compiler_error(this ~ ": not finished after " ~ round.number ~ " rounds") }}
    {%- endif -%}
    {%- do log(this ~ ': contracted in ' ~ round.number ~ ' rounds') -%}

    {#- from the last round, whose map is the smallest, to the first -#}
    {%- for pointers in maps | reverse -%}
        {%- if round.composed is none -%}
            {%- set round.composed = pointers -%}
        {%- else -%}
            {%- set round.composed = components_scratch(
                scratch, 'composed_' ~ loop.index, components_composed(pointers, round.composed)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(round.composed) }}
{% endmacro %}
