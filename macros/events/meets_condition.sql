{#- A condition: a text meets what a rule wants, in the way that its match kind says. All three are expressions. -#}
{% macro meets_condition(text, match, wanted) -%}
    case {{ match }}
        when 'equals' then {{ text }} = {{ wanted }}
        when 'contains' then position({{ wanted }} in {{ text }}) > 0
        when 'starts' then position({{ wanted }} in {{ text }}) = 1
        when 'site' then position('.' || {{ wanted }} || '.' in '.' || {{ text }} || '.') > 0
        when 'pattern' then {{ meets_pattern(text, wanted) }}
    end
{%- endmacro %}
