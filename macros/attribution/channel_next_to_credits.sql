{#- A channel's name next to credits, where `(unattributed)` and `(baseline)` are those of no channel; none is `(none)`. -#}
{% macro channel_next_to_credits(channel) -%}
    case {{ channel }}
        when '(unattributed)' then '((unattributed))'
        when '(baseline)' then '((baseline))'
        else coalesce({{ channel }}, '(none)')
    end
{%- endmacro %}
