{#-
    The value at a step (an expression) as text, or the first element of one that is a list; null when it is absent.

    It and the macros below are what the JSON macros of `macros/engine` share on Spark. `get_json_object` writes what it
    finds as DuckDB does, except numbers of ten million and more or below a thousandth: these it writes as Java does,
    1.2345678E7.
-#}
{% macro spark_json_text(json, step, first_of_list=false) -%}
    {%- set element = " || '[0]'" -%}
    transform(
        array(
            {%- if first_of_list %}coalesce(get_json_object({{ json }}, '$' || {{ step ~ element }}), {% endif -%}
            get_json_object({{ json }}, '$' || ({{ step }})){{ ')' if first_of_list -}}
        ),
        -- a text that looks like such a number is left as it is
        found -> case
            when
                {{ spark_is_java_number('found') }}
                and left({{ 'coalesce(' ~ spark_json_found(json, step ~ element) ~ ', ' if first_of_list -}}
                    {{ spark_json_found(json, step) }}{{ ')' if first_of_list }}, 1) <> '"'
                then {{ spark_json_number('found') }}
            else found
        end
    )[0]
{%- endmacro %}


{#- The step of a JSON path to a member of an object, as an SQL literal. -#}
{% macro spark_json_step(key) -%}
    {%- if "'" not in key -%}
        {{ return(text_literal("['" ~ key ~ "']")) }}
    {%- elif '.' in key or '[' in key -%}
        {{ exceptions.raise_compiler_error(
            "Spark has no JSON path to a member whose name holds a quote and a dot or bracket: " ~ key
        ) }}
    {%- endif -%}
    {{ return(text_literal('.' ~ key)) }}
{%- endmacro %}


{#- The same of a name that is an expression itself. A name with a quote and a dot or a bracket is not found. -#}
{% macro spark_json_step_to(name) -%}
    {{ return(
        "case when contains(" ~ name ~ ", '\\'') then '.' || " ~ name ~ " else '[\\'' || " ~ name ~ " || '\\']' end"
    ) }}
{%- endmacro %}


{#- The value at a step as JSON, so that a text keeps its quotes; null when it is absent or null. -#}
{% macro spark_json_value(json, step) -%}
    transform(
        array({{ spark_json_found(json, step) }}),
        found -> case
            when {{ spark_is_java_number('found') }} then {{ spark_json_number('found') }}
            else found
        end
    )[0]
{%- endmacro %}


{#- As JSON what `get_json_object` gives of a list, and as text of anything else. -#}
{% macro spark_json_found(json, step) -%}
    get_json_object('[' || {{ json }} || ']', '$[*]' || ({{ step }}))
{%- endmacro %}


{#- A text as JSON writes it. -#}
{% macro spark_json_quoted(text) -%}
    regexp_replace(to_json(named_struct('t', {{ text }})), '^.{5}|.$', '')
{%- endmacro %}


{#- Whether a text is a number with an exponent as Java writes them. -#}
{% macro spark_is_java_number(text) -%}
    rlike({{ text }}, '^-?[0-9][.][0-9]+E-?[0-9]+$')
{%- endmacro %}


{#- A number as Java writes it, in the digits of DuckDB's JSON: without an exponent from a millionth to 10^21. -#}
{% macro spark_json_number(text) -%}
    case
        when abs(cast({{ text }} as double)) >= 1e7 and abs(cast({{ text }} as double)) < 1e21
            then regexp_replace(cast(cast({{ text }} as decimal(38, 16)) as string), '([.][0-9]+?)0+$', '$1')
        when abs(cast({{ text }} as double)) < 1e-3 and abs(cast({{ text }} as double)) >= 1e-6
            then regexp_replace(cast(cast({{ text }} as decimal(38, 30)) as string), '([.][0-9]+?)0+$', '$1')
        else lower(replace({{ text }}, '.0E', 'E'))
    end
{%- endmacro %}


{#- The same in the digits of DuckDB's cast to text: without an exponent from a ten-thousandth to 10^16. -#}
{% macro spark_cast_number(text) -%}
    case
        when abs(cast({{ text }} as double)) >= 1e7 and abs(cast({{ text }} as double)) < 1e16
            then regexp_replace(cast(cast({{ text }} as decimal(38, 16)) as string), '([.][0-9]+?)0+$', '$1')
        when abs(cast({{ text }} as double)) < 1e-3 and abs(cast({{ text }} as double)) >= 1e-4
            then regexp_replace(cast(cast({{ text }} as decimal(38, 30)) as string), '([.][0-9]+?)0+$', '$1')
        else regexp_replace(
            regexp_replace(replace(replace({{ text }}, '.0E', 'E'), 'E', 'e+'), '[+]-', '-'), '([+-])([0-9])$', '$10$2'
        )
    end
{%- endmacro %}


{#-
    JSON without the members of objects that are null, at whatever depth, as merging a patch leaves them out. A text is
    looked at as a whole, so that what is in it is none. Members of objects within lists go as well, which a patch keeps.
-#}
{% macro spark_json_without_nulls(json) -%}
    {%- set text = '"(?:[^"\\\\]|\\\\.)*+"' -%}
    {%- set nulls = '(' ~ text ~ '(?!:null))|' ~ text ~ ':null' -%}
    {%- set commas = '(' ~ text ~ ')|(?<=[{]),+|,+(?=[,}])' -%}
    case
        when left({{ json }}, 1) = '{' and contains({{ json }}, ':null') then regexp_replace(
            regexp_replace({{ json }}, {{ text_literal(nulls) }}, '$1'), {{ text_literal(commas) }}, '$1'
        )
        else {{ json }}
    end
{%- endmacro %}
