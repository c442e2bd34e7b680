{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_matched_events': 'customer_id',
            'int_timeline_events': 'customer_id',
            'journeys': 'all',
        },
    }},
) }}

{#-
    The case of each match of a journey that has a case key: a ticket, an order, whatever the key says. Instances run per
    customer and case. A match without a value belongs to the open instance with the latest match; without one it begins
    an instance, which takes the first value that comes. Only customers of whom some matches have a value and others have
    none are walked match by match: which instance is open depends on all matches before.
-#}
with recursive
matches as (
    select
        versions.journey_id,
        versions.journey_version,
        matched.customer_id,
        matched.event_id,
        matched.event_number,
        {{ case_value('coalesce(matched.case_property, versions.case_key)', 'events') }} as case_value,
        {{ is_version_valid('versions', 'matched') | indent(8) }} as is_version_valid,
        {{ match_open_until('matched') }} as open_until,
        matched.is_terminal,
        matched.occurred_at
    from {{ ref('int_matched_events') }} as matched
    inner join {{ ref('int_journey_versions') }} as versions
        on versions.journey_id = matched.journey_id and versions.journey_version = matched.journey_version
    inner join {{ ref('int_timeline_events') }} as events
        on events.event_id = matched.event_id
    where
        versions.case_key is not null
        and matched.is_counted
        and {{ is_changed('matched.customer_id') }}
),

marked_matches as (
    select
        matches.*,
        count(*) over of_customer > count(case_value) over of_customer
        and count(case_value) over of_customer > 0 as is_walked
    from matches
    window of_customer as (partition by journey_id, customer_id)
),

moments as (
    select
        journey_id,
        customer_id,
        event_id,
        min(case_value) as case_value,
        row_number() over (partition by journey_id, customer_id order by event_number) as moment_number,
        occurred_at
    from marked_matches
    where is_walked
    group by journey_id, customer_id, event_id, event_number, occurred_at
),

-- `instances` are those that may be open, the one with the latest match last; `number` is that of their first moment
walk as (
    select
        journey_id,
        customer_id,
        cast(0 as bigint) as moment_number,
        cast(null as bigint) as instance_number,
        cast(null as bigint) as journey_version,
        cast(null as boolean) as is_terminal,
        {{ empty_list_of({
            'number': 'bigint', 'case_value': 'string', 'journey_version': 'bigint', 'open_until': 'timestamp'
        }) }} as instances
    from moments
    where moment_number = 1
    union all
    select
        chosen.journey_id,
        chosen.customer_id,
        chosen.moment_number,
        case
            when matches.event_id is not null then coalesce(chosen.instance.number, chosen.moment_number)
        end,
        matches.journey_version,
        matches.is_terminal,
        case
            when matches.event_id is null then chosen.instances
            else {{ list_with(
                elements_where('chosen.instances', 'one', 'one.number is distinct from chosen.instance.number'),
                {
                    'number': 'coalesce(chosen.instance.number, chosen.moment_number)',
                    'case_value': 'coalesce(chosen.instance.case_value, chosen.case_value)',
                    'journey_version': 'matches.journey_version',
                    'open_until': 'matches.open_until',
                }
            ) }}
        end
    from (
        select
            open_instances.*,
            case
                when case_value is null then {{ element_at_place('instances', -1) }}
                else coalesce(
                    {{ element_at_place(
                        elements_where('instances', 'one', 'one.case_value = open_instances.case_value'), -1
                    ) }},
                    {{ element_at_place(elements_where('instances', 'one', 'one.case_value is null'), -1) }}
                )
            end as instance
        from (
            select
                walk.journey_id,
                walk.customer_id,
                moments.moment_number,
                moments.event_id,
                moments.case_value,
                {{ elements_where(
                    'walk.instances', 'one', 'coalesce(one.open_until >= moments.occurred_at, true)'
                ) }} as instances
            from walk
            inner join moments
                on
                    moments.journey_id = walk.journey_id
                    and moments.customer_id = walk.customer_id
                    and moments.moment_number = walk.moment_number + 1
        ) as open_instances
    ) as chosen
    -- an open instance listens to its own version only; another begins under the version of the day
    left join matches
        on
            matches.journey_id = chosen.journey_id
            and matches.event_id = chosen.event_id
            and (
                matches.journey_version = chosen.instance.journey_version
                or (chosen.instance.number is null and matches.is_version_valid)
            )
),

walked as (
    select
        walk.journey_id,
        walk.journey_version,
        walk.customer_id,
        moments.event_id,
        max(moments.case_value) over (
            partition by walk.journey_id, walk.customer_id, walk.instance_number
        ) as case_value,
        walk.is_terminal
    from walk
    inner join moments
        on
            moments.journey_id = walk.journey_id
            and moments.customer_id = walk.customer_id
            and moments.moment_number = walk.moment_number
    where walk.instance_number is not null
)

select
    journey_id,
    journey_version,
    customer_id,
    event_id,
    coalesce(case_value, '') as case_id,
    case_value,
    is_terminal,
    true as is_walked
from walked
union all
select
    journey_id,
    journey_version,
    customer_id,
    event_id,
    coalesce(case_value, '') as case_id,
    case_value,
    is_terminal,
    false as is_walked
from marked_matches
where not is_walked
