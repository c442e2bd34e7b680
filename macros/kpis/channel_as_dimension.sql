{#- A channel as breakdowns by channel name it: all is the total, so a channel that a source calls `all` becomes (all). -#}
{% macro channel_as_dimension(channel) -%}
    case when {{ channel }} = 'all' then '(all)' else {{ channel }} end
{%- endmacro %}
