{#-
    What the orchestration decided for the running model in this build (orchestration/lib/dbt/node_states.py): `mode`, and
    for an incremental model that replaces rows of changed keys `key`, `changes`, `tracks`, `built_through`, `built_as_of`.
    Nothing where somebody runs dbt itself: every model is then built as if there were no table.
-#}
{% macro this_build() -%}
    {{ return(model.config.meta.get('build', {}) if execute else {}) }}
{%- endmacro %}


{#- Whether the model that is compiled, or the one that this ephemeral model is a part of, replaces rows of changed keys. -#}
{% macro builds_changes_only() -%}
    {{ return(this_build().get('mode') == 'changes') }}
{%- endmacro %}


{#- Whether the running model is built as if there were no table of it. -#}
{% macro builds_from_scratch() -%}
    {{ return(flags.FULL_REFRESH or this_build().get('mode', 'scratch') == 'scratch') }}
{%- endmacro %}


{#- Names of the models that changed since the last build of the running one, where it replaces rows of changed keys. -#}
{% macro changed_inputs() -%}
    {{ return(this_build().get('changes', []) | map(attribute='read') | unique | list) }}
{%- endmacro %}


{#- A condition on landed rows: they changed after the last build of the running model. -#}
{% macro landed_since_last_build() -%}
    changed_in > {{ this_build()['built_through'] }}
{%- endmacro %}
