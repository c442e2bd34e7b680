{#-
    The fold of a customer, 1 to 4, from a hash of the key: a model that scores what customers of a fold say has learnt
    from those of the other folds alone. The same on every engine, whatever else has landed.
-#}
{% macro customer_fold(key) -%}
case
        when left({{ hash_text(key) }}, 1) < '4' then 1
        when left({{ hash_text(key) }}, 1) < '8' then 2
        when left({{ hash_text(key) }}, 1) < 'c' then 3
        else 4
    end
{%- endmacro %}
