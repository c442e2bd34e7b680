{#- How many filters a rule has besides its event name, of a relation with those of a critical event. -#}
{% macro filter_count(rules) -%}
    (
        {%- for column in ['source_system', 'channel', 'touchpoint', 'property_name'] %}
        case when {{ rules }}.{{ column }} is null then 0 else 1 end
        {%- if not loop.last %} +{% endif -%}
        {% endfor %}
    )
{%- endmacro %}
