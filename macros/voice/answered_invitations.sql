{#- A query for the invitations that were answered by the clock; an answer that was not finished is none. -#}
{% macro answered_invitations() -%}
    select distinct invitation_id
    from {{ ref('int_answers') }}
    where invitation_status = 'invited' and is_complete
{%- endmacro %}
