{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'record_key',
        'from': {
            'int_event_versions': 'record_key',
            'int_event_identities': {'column': 'event_id', 'of': 'int_event_versions', 'key': 'record_key'},
        },
    }},
) }}

{#-
    Events that name nobody, with what the other moments of their record name: the person of the first moment that names
    one, else the device of the first that carries one. A ticket's answer names nobody, and belongs to who opened it.
-#}
with moments as (
    select
        versions.record_key,
        versions.event_id,
        identities.visitor_id,
        identities.person_id,
        identities.event_id is not null as is_named,
        versions.occurred_at,
        versions.event_order
    from {{ ref('int_event_versions') }} as versions
    left join {{ ref('int_event_identities') }} as identities
        on identities.event_id = versions.event_id
    where
        versions.is_current
        and {{ is_changed('versions.record_key') }}
),

unnamed_records as (
    select distinct record_key from moments where not is_named
),

records as (
    select
        moments.record_key,
        count(*) as moment_count,
        min_by(moments.event_id, moments.event_order) filter (
            where moments.person_id is not null
        ) as person_event_id,
        min_by(moments.event_id, moments.event_order) filter (
            where moments.visitor_id is not null
        ) as device_event_id
    from moments
    inner join unnamed_records
        on unnamed_records.record_key = moments.record_key
    group by moments.record_key
)

select
    moments.event_id,
    moments.record_key,
    naming.person_id,
    naming.visitor_id,
    naming.event_id as naming_event_id,
    cast(records.moment_count as bigint) as moment_count,
    naming.occurred_at as named_at
from moments
inner join records
    on records.record_key = moments.record_key
left join moments as naming
    on naming.event_id = coalesce(records.person_event_id, records.device_event_id)
where not moments.is_named
