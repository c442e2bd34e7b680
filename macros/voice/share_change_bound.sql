{#-
    The lower or upper end of the 95 % interval of the difference of two shares, from the shares and the ends of their own
    intervals (Newcombe 1998, method 10). `now` and `before` name the columns of the share, its lower and its upper end.
-#}
{% macro share_change_bound(now, before, end) -%}
{%- set of_now, of_before = (now[1], before[2]) if end == 'lower' else (now[2], before[1]) -%}
{{ now[0] }} - {{ before[0] }} {{ '-' if end == 'lower' else '+' }} sqrt(
        ({{ now[0] }} - {{ of_now }}) * ({{ now[0] }} - {{ of_now }})
        + ({{ before[0] }} - {{ of_before }}) * ({{ before[0] }} - {{ of_before }})
    )
{%- endmacro %}
