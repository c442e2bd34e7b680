{#-
    Landed versions that came, went or lost their place since the last complete build. A withdrawn row of which the
    same version stays, delivered by another file, took nothing with it.
-#}
{% for model in var('event_models') %}
select version_key
from {{ ref(model) }}
where changed_in > {{ build_setting('built_through') }} and row_status in ('current', 'superseded')
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
{{ 'union' if not loop.last }}
{% endfor %}
