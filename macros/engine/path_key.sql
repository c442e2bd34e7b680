{#-
    An aggregate: a number that paths of the same names in the same places share. It adds up hashes of name and place,
    so that paths of any length are compared without sorting their steps or writing them out.
-#}
{% macro path_key(name, number) -%}
    {{ return(adapter.dispatch('path_key', 'journeys')(name, number)) }}
{%- endmacro %}

{% macro duckdb__path_key(name, number) -%}
    {#- the outer hash mixes: sums of the inner one alone are often the same when two names change places -#}
    sum(cast(hash(hash({{ name }}, {{ number }})) as hugeint))
{%- endmacro %}

{% macro spark__path_key(name, number) -%}
    sum(cast(xxhash64(xxhash64({{ name }}, {{ number }})) as decimal(38, 0)))
{%- endmacro %}
