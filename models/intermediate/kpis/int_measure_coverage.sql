{#-
    Of the events from which a measure counts, how many can be followed, by day. A measure of events, or of their costs,
    counts those; one of intervals counts what the critical events of its phase begin, and those that name nobody begin
    nothing. Spend is of no event, and
    of conversions and credits (unattributed) says what nothing leads to.
-#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'intervals'
),

matches as (
    select
        matched.journey_id,
        matched.phase_id,
        coalesce(matched.channel, '(none)') as channel,
        matched.is_linkable,
        matched.occurred_on as measured_on
    from {{ ref('int_matched_events') }} as matched
    inner join {{ ref('int_journey_versions') }} as versions
        on
            versions.journey_id = matched.journey_id
            and versions.journey_version = matched.journey_version
            and {{ is_version_valid('versions', 'matched') }}
    where matched.is_preferred
)

select
    measure_id,
    cast(count(*) as bigint) as event_count,
    cast(count_if(is_linkable) as bigint) as linkable_count,
    measured_on
from {{ ref('int_measured_events') }}
group by measure_id, measured_on
union all
select
    measure_id,
    cast(count(*) as bigint),
    cast(count_if(is_linkable) as bigint),
    measured_on
from {{ ref('int_measured_costs') }}
group by measure_id, measured_on
union all
select
    measures.measure_id,
    cast(count(*) as bigint),
    cast(count_if(matches.is_linkable) as bigint),
    matches.measured_on
from measures
inner join matches
    on
        matches.journey_id = measures.journey_id
        and (measures.phase_id is null or matches.phase_id = measures.phase_id)
        and (measures.channel is null or matches.channel = measures.channel)
group by measures.measure_id, matches.measured_on
