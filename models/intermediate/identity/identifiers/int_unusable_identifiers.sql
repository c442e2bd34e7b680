{#- Unusable values, so that they can be counted. Those on people records are few enough to be recomputed in each build. -#}
select
    'event' as found_on,
    event_id as found_on_key,
    source_system,
    identifier_type,
    unusable_because,
    occurred_at as seen_at
from {{ ref('int_unusable_event_identifiers') }}
union all
select
    'record' as found_on,
    people.person_key_hash as found_on_key,
    people.source_system,
    entry.identifier_type,
    {{ unusable_reason('entry') }} as unusable_because,
    people.updated_at as seen_at
from {{ ref('int_people_versions') }} as people
cross join {{ exploded('people.identifiers', 'entry') }}
left join {{ ref('int_phone_numbers') }} as phone_numbers
    on phone_numbers.written_hash = entry.identifier_hash and phone_numbers.is_unusable
where
    people.is_current
    and (entry.unusable_because is not null or phone_numbers.is_unusable)
