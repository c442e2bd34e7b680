{#- A channel's name beside credits, where `(unattributed)` and `(baseline)` are those of no channel; none is `(none)`. -#}
{% macro channel_beside_credits(channel) -%}
    case {{ channel }}
        when '(unattributed)' then '((unattributed))'
        when '(baseline)' then '((baseline))'
        else coalesce({{ channel }}, '(none)')
    end
{%- endmacro %}
