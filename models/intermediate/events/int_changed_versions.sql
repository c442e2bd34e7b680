{#-
    Landed versions that came, went or lost their place since the last complete build; none in a full build, which
    takes every version anyway. A withdrawn row of which the same version stays, delivered by another file, took
    nothing with it; only to see that are all keys read, so it is looked for where rows were withdrawn at all.
    A superseded version of a basket leaves no row behind when it ends: its key is among the changed keys.
-#}
{% for model in union_models()['events'] %}
{%- set withdrawn = "changed_in > " ~ build_setting('built_through') ~ " and row_status = 'withdrawn'" %}
select version_key
from {{ ref(model) }}
where
{% if flags.FULL_REFRESH -%}
    false
    {%- else -%}
    changed_in > {{ build_setting('built_through') }}
    and row_status in ('current', 'superseded')
{%- endif %}
{%- if execute and not flags.FULL_REFRESH and load_relation(ref(model)) is not none
    and run_query("select 1 from " ~ ref(model) ~ " where " ~ withdrawn ~ " limit 1").rows | length > 0 %}
union
select withdrawn.version_key
from {{ ref(model) }} as withdrawn
where
    withdrawn.changed_in > {{ build_setting('built_through') }}
    and withdrawn.row_status = 'withdrawn'
    and not exists (
        select 1
        from {{ ref(model) }} as kept
        where
            kept.version_key = withdrawn.version_key
            and kept.row_status in ('current', 'superseded')
            and kept.changed_in <= {{ build_setting('built_through') }}
    )
{%- endif %}
union
{% endfor %}
select version_key from ({{ changed_keys(ref('int_store_baskets'), 'version_key') }}) as changed_baskets
