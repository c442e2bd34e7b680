{#-
    A condition on the canonical event columns: some row of bot_rules.csv matches. The few rules become one
    expression, so that millions of events are not joined to them.
-#}
{% macro bot_condition() -%}
    {%- set rule_table = ref('bot_rules') -%}
    {%- if not execute -%}{{ return('false') }}{%- endif -%}
    {%- set rules = run_query(
        "select field, match, value from " ~ rule_table ~ " order by bot_rule_id"
    ).rows -%}
    {%- if not rules -%}{{ return('false') }}{%- endif -%}
    (
    {%- for rule in rules %}
    coalesce({% if rule['match'] == 'contains' -%}
        position({{ text_literal(rule['value'] | lower) }} in lower(events.{{ rule['field'] }})) > 0
    {%- else -%}
        events.{{ rule['field'] }} = {{ text_literal(rule['value']) }}
    {%- endif %}, false)
    {{- ' or ' if not loop.last }}
    {%- endfor %}
    )
{%- endmacro %}
