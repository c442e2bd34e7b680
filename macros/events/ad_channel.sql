{#- The channel that an advertising network belongs to; a network that is not declared keeps its own name. -#}
{% macro ad_channel(network) -%}
    case {{ network }}
        when 'search' then 'paid_search'
        when 'social' then 'paid_social'
        when 'video' then 'display'
        when 'display' then 'display'
        else {{ network }}
    end
{%- endmacro %}
