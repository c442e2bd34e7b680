{#-
    The lower or upper end of Wilson's 95 % interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001), from counts
    of successes and trials: within 0 and 1 however few there are. Null for no trials.
-#}
{% macro wilson_bound(successes, trials, end) -%}
    {%- set z = var('z_of_bounds') -%}
    {%- set share = '(' ~ successes ~ ' / cast(nullif(' ~ trials ~ ', 0) as double))' -%}
    {%- set spread -%}
        {{ z }} * sqrt({{ share }} * (1 - {{ share }}) / {{ trials }} + {{ z * z / 4 }} / {{ trials }} / {{ trials }})
    {%- endset -%}
    {%- set middle -%}
        {{ share }} + {{ z * z / 2 }} / {{ trials }}
    {%- endset -%}
    {%- if end == 'lower' -%}
    greatest(({{ middle }} - {{ spread }}) / (1 + {{ z * z }} / {{ trials }}), 0.0)
    {%- else -%}
    least(({{ middle }} + {{ spread }}) / (1 + {{ z * z }} / {{ trials }}), 1.0)
    {%- endif -%}
{%- endmacro %}
