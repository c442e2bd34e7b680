{#-
    The channel of an event that names none: the first row of channel_rules.csv, by rule_order, whose filled columns
    all equal the event's. Null when none does.
-#}
{% macro channel_by_rules() -%}
    {%- set rule_table = ref('channel_rules') -%}
    {%- if not execute -%}{{ return('null') }}{%- endif -%}
    {%- set rules = run_query(
        "select source_system, event_name, medium, channel from " ~ rule_table
        ~ " order by rule_order, channel_rule_id"
    ).rows -%}
    {%- if not rules -%}{{ return('null') }}{%- endif -%}
    case
    {%- for rule in rules %}
        when true
        {%- for column in ['source_system', 'event_name', 'medium'] if rule[column] %} and events.{{ column }} = {{ text_literal(rule[column]) }}
        {%- endfor %} then {{ text_literal(rule['channel']) }}
    {%- endfor %}
    end
{%- endmacro %}
