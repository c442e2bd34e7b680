{#- A channel as tables cut by channel name it: all is what is not cut there, so that a source's own `all` reads (all). -#}
{% macro channel_as_dimension(channel) -%}
    case when {{ channel }} = 'all' then '(all)' else {{ channel }} end
{%- endmacro %}
