{#- Rows with a null in a column that promises a value; one scan for all the columns of a table. -#}
{% test columns_are_filled(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
