{#- The relation of a scratch table of the running model; one that lives as long as the session where there are such. -#}
{% macro scratch_relation(suffix) -%}
    {{ return(adapter.dispatch('scratch_relation', 'journeys')(suffix)) }}
{%- endmacro %}

{% macro duckdb__scratch_relation(suffix) -%}
    {#- a name alone, found among the session's temporary tables first -#}
    {{ return(api.Relation.create(identifier=this.identifier ~ '__scratch_' ~ suffix, type='table')) }}
{%- endmacro %}

{% macro spark__scratch_relation(suffix) -%}
    {{ return(api.Relation.create(schema=this.schema, identifier=this.identifier ~ '__scratch_' ~ suffix, type='table')) }}
{%- endmacro %}
