{#- The channel that an advertising network belongs to; a network nobody declared stands for itself. -#}
{% macro ad_channel(network) -%}
    case {{ network }}
        when 'search' then 'paid_search'
        when 'social' then 'paid_social'
        when 'video' then 'display'
        when 'display' then 'display'
        else {{ network }}
    end
{%- endmacro %}
