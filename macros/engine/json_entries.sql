{#-
    A JSON object's members as a list of (key, value), both text. Of a member that is a list there is an entry for each
    of its elements, or with `first_only` for its first.
-#}
{% macro json_entries(json, first_only=false) -%}
    {{ return(adapter.dispatch('json_entries', 'journeys')(json, first_only)) }}
{%- endmacro %}

{% macro duckdb__json_entries(json, first_only) -%}
    case
        -- few objects hold a list, and the plain cast is several times cheaper
        when not contains({{ json }}, '[') then map_entries(cast(cast({{ json }} as json) as map(varchar, varchar)))
        else flatten(list_transform(
            map_entries(cast(cast({{ json }} as json) as map(varchar, json))),
            lambda member: list_transform(
                case json_type(member.value)
                    when 'ARRAY' then {{ 'list_slice(' if first_only -}}
                        cast(member.value as varchar[]){{ ', 1, 1)' if first_only }}
                    else [json_extract_string(member.value, '$')]
                end,
                lambda element: {'key': member.key, 'value': element}
            )
        ))
    end
{%- endmacro %}

{% macro spark__json_entries(json, first_only) -%}
    {%- set found = spark_json_found(json, spark_json_step_to('member.key')) -%}
    case
        when not contains({{ json }}, '[') then transform(
            map_entries(from_json({{ json }}, 'map<string, string>')),
            member -> named_struct('key', member.key, 'value', case
                when {{ spark_is_java_number('member.value') }} and left({{ found }}, 1) <> '"'
                    then {{ spark_cast_number('member.value') }}
                else member.value
            end)
        )
        else flatten(transform(
            map_entries(from_json({{ json }}, 'map<string, string>')),
            member -> case
                -- a text may begin with a bracket
                when left(member.value, 1) = '[' and left({{ found }}, 1) = '[' then transform(
                    {{ 'slice(' if first_only -}}
                        from_json(member.value, 'array<string>'){{ ', 1, 1)' if first_only }},
                    element -> named_struct('key', member.key, 'value', element)
                )
                else array(named_struct('key', member.key, 'value', case
                    when {{ spark_is_java_number('member.value') }} and left({{ found }}, 1) <> '"'
                        then {{ spark_json_number('member.value') }}
                    else member.value
                end))
            end
        ))
    end
{%- endmacro %}
