{#-
    Names one version of a landed row: the table, the row's key and a hash of its content. Rows that share it are the
    same row delivered again.
-#}
{% macro version_key(table_name) -%}
    '{{ table_name }}:' || _row_key || '#' || _row_hash
{%- endmacro %}


{#- The columns of a landed row that increments and readers need: when it came and in which batch it last changed. -#}
{% macro landing_columns() -%}
    _loaded_at as loaded_at,
    _changed_in as changed_in
{%- endmacro %}
