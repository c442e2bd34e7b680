{#- A map from the given text keys to the given text expressions: map_of({'email': 'email_address'}). -#}
{% macro map_of(members) -%}
    {{ return(adapter.dispatch('map_of', 'journeys')(members)) }}
{%- endmacro %}

{% macro duckdb__map_of(members) -%}
    map(
        [{% for key in members %}{{ text_literal(key) }}{{ ', ' if not loop.last }}{% endfor %}],
        [{% for key in members %}cast({{ members[key] }} as varchar){{ ', ' if not loop.last }}{% endfor %}]
    )
{%- endmacro %}

{% macro spark__map_of(members) -%}
    map(
        {%- for key in members -%}
            {{ text_literal(key) }}, cast({{ members[key] }} as string){{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
