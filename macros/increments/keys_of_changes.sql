{#-
    The query for the keys whose rows an incremental model replaces in this build, made from `meta.increment` of the
    model and from what changed since its last build. Each way of a change is one `select` (docs/increments.md):

      column           the column of the input's changed rows is the key
      column, of, key  the input's changed rows name, by the column, rows of another relation, and these name the key
      where, of, key   whatever changed in the input, the rows that meet the condition name the key
      landed           landed rows that changed since the last build name the key
-#}
{% macro keys_of_changes() -%}
    {%- set key = this_build()['key'] -%}
    {%- for change in this_build()['changes'] %}
    {%- if change.get('landed') == 'versions' %}
    {{ keys_of_changed_versions(change['of'], key) }}
    {%- elif 'landed' in change %}
    select {{ change['landed'] }} as {{ key }} from {{ change['of'] }} where {{ landed_since_last_build() }}
    {%- elif 'where' in change %}
    select {{ change['key'] }} as {{ key }} from {{ change['of'] }} where {{ condition_on_clock(change['where']) }}
    {%- elif 'of' in change %}
    select {{ change['key'] }} as {{ key }}
    from {{ change['of'] }}
    where {{ change['column'] }} in (select {{ change['column'] }} from {{ change['changed'] }})
    {%- else %}
    select {{ change['column'] }} as {{ key }} from {{ change['changed'] }} where {{ change['column'] }} is not null
    {%- endif %}
    {{ 'union' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#-
    Versions of landed rows that were added, withdrawn or superseded since the last build. A withdrawn row whose version
    another file delivers as well changes nothing.
-#}
{% macro keys_of_changed_versions(landed, key) -%}
    {%- set withdrawn -%}
    select {{ key }} from {{ landed }} where {{ landed_since_last_build() }} and row_status = 'withdrawn'
    {%- endset -%}
    select {{ key }}
    from {{ landed }}
    where {{ landed_since_last_build() }} and row_status in ('current', 'superseded')
    union
    (
        {{ withdrawn }}
        except
        select {{ key }}
        from {{ landed }}
        where
            row_status in ('current', 'superseded')
            and not {{ landed_since_last_build() }}
            and {{ key }} in ({{ withdrawn }})
    )
{%- endmacro %}


{#- A condition of `meta.increment` with the clocks of this build and of the model's last one in their places. -#}
{% macro condition_on_clock(condition) -%}
    {%- set before = "cast('" ~ this_build()['built_as_of'] ~ "' as timestamp)" -%}
    {{ return('(' ~ condition.replace('{built_as_of}', before).replace('{as_of}', as_of()) ~ ')') }}
{%- endmacro %}
