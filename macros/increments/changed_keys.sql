{#-
    A query for the values of one tracked column among the rows that an incremental model changed in this build.
    In a full build every key is rebuilt anyway, so it is empty then. The relation must be a `ref`, so that the
    model that asks runs after the model that answers.
-#}
{% macro changed_keys(relation, column, as_name=none) -%}
    {%- set changed = changed_rows_relation(relation) -%}
    {%- if execute and not flags.FULL_REFRESH and load_relation(changed) is not none -%}
    select {{ column }} as {{ as_name or column }} from {{ changed }} where {{ column }} is not null
    {%- else -%}
    select {{ column }} as {{ as_name or column }} from {{ relation }} where false
    {%- endif -%}
{%- endmacro %}
