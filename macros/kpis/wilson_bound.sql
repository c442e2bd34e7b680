{#-
    The lower or upper end of Wilson's 95 % interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001), from counts
    of successes and trials: within 0 and 1 however few there are. Null for no trials, and where the one count is no part
    of the other.
-#}
{% macro wilson_bound(successes, trials, end) -%}
{%- set z = var('z_of_bounds') -%}
case
    when {{ trials }} > 0 and {{ successes }} between 0 and {{ trials }}
        then {{ 'greatest' if end == 'lower' else 'least' }}({{ '0.0' if end == 'lower' else '1.0' }}, (
            {{ successes }} + {{ z * z / 2 }}
            {{ '-' if end == 'lower' else '+' }} {{ z }}
            * sqrt({{ successes }} * ({{ trials }} - {{ successes }}) / cast({{ trials }} as double) + {{ z * z / 4 }})
        ) / ({{ trials }} + {{ z * z }}))
end
{%- endmacro %}
