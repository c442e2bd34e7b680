{#-
    Landed versions that were added, withdrawn or superseded since the last complete build; none in a full build, which
    reads every version anyway. A withdrawn row whose version another file delivers as well changes nothing. All keys
    are read only to find such rows, so the model does that only if rows were withdrawn.
    A superseded version of a basket leaves no row behind when it ends: its key is among the changed keys.
-#}
{% for model in union_models()['events'] %}
{%- set withdrawn = "changed_in > " ~ build_setting('built_through') ~ " and row_status = 'withdrawn'" %}
select version_key
from {{ ref(model) }}
where
    {{ 'false' if flags.FULL_REFRESH else 'true' }}
    and changed_in > {{ build_setting('built_through') }}
    and row_status in ('current', 'superseded')
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
