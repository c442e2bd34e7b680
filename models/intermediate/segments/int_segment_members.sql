{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_customer_summaries': 'all',
            'int_identifier_owners': 'all',
            'int_people_versions': 'all',
            'int_timeline_events': 'all',
            'segments': 'all',
        },
    }},
) }}

{#-
    Who is in which segment. Clear values of people records are compared in this model and do not leave it: only the
    segment's name does. Every customer is evaluated in each build, so that each move between segments is found, whatever
    its cause; rows that did not change are not written.
-#}
-- two rows that differ only in case are one condition
with conditions as (
    select distinct
        segment,
        case when event_name is null then attribute else attribute || ' of ' || event_name end as attribute,
        comparison,
        {{ lower_case('value') }} as value
    from {{ ref('segments') }}
),

conditions_by_segment as (
    select segment, count(*) as condition_count
    from conditions
    group by segment
),

customers as (
    select customer_id, is_anonymous, first_seen_at, last_seen_at, event_count
    from {{ ref('int_customer_summaries') }}
),

records as (
    select
        owners.owner_id as customer_id,
        people.source_system,
        people.city,
        people.postcode,
        people.country,
        people.birth_date,
        row_number() over (
            partition by owners.owner_id
            order by
                people.updated_at desc nulls last,
                people.source_system asc,
                people.person_key asc,
                people.version_key asc
        ) as record_number
    from {{ ref('int_people_versions') }} as people
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = people.person_key_hash
    where people.is_current
),

-- of several records the newest with a value counts
people as (
    select
        customer_id,
        min_by(city, record_number) filter (where city is not null) as city,
        min_by(postcode, record_number) filter (where postcode is not null) as postcode,
        min_by(country, record_number) filter (where country is not null) as country,
        min_by(birth_date, record_number) filter (where birth_date is not null) as birth_date
    from records
    group by customer_id
),

counted_names as (
    select distinct event_name from {{ ref('segments') }} where event_name is not null
),

event_counts as (
    select customer_id, event_name, count(*) as event_count
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and event_name in (select event_name from counted_names)
    group by customer_id, event_name
),

-- dates are written so that they compare as texts do
attributes as (
    select
        customer_id,
        'is_anonymous' as attribute,
        cast(is_anonymous as {{ dbt.type_string() }}) as stated,
        cast(null as bigint) as counted
    from customers
    union all
    select customer_id, 'event_count', null, event_count from customers
    union all
    -- a customer without such an event has none, which is known
    select
        customers.customer_id,
        'event_count of ' || counted_names.event_name,
        null,
        coalesce(event_counts.event_count, 0)
    from customers
    cross join counted_names
    left join event_counts
        on
            event_counts.customer_id = customers.customer_id
            and event_counts.event_name = counted_names.event_name
    union all
    select
        customer_id,
        'first_seen_at',
        cast({{ local_date('first_seen_at') }} as {{ dbt.type_string() }}),
        null
    from customers
    union all
    select
        customer_id,
        'last_seen_at',
        cast({{ local_date('last_seen_at') }} as {{ dbt.type_string() }}),
        null
    from customers
    union all
    select customer_id, 'city', city, null from people
    union all
    select customer_id, 'postcode', postcode, null from people
    union all
    select customer_id, 'country', country, null from people
    union all
    select customer_id, 'birth_date', cast(birth_date as {{ dbt.type_string() }}), null from people
    union all
    select distinct customer_id, 'record_source', source_system, null from records
),

compared as (
    select
        attributes.customer_id,
        conditions.segment,
        conditions.attribute,
        conditions.comparison,
        conditions.value,
        case
            when attributes.counted is null and conditions.comparison in ('equals', 'not_equals')
                then {{ lower_case('attributes.stated') }} = conditions.value
            when attributes.counted is null and conditions.comparison = 'one_of'
                then contains(
                    '|' || conditions.value || '|', '|' || {{ lower_case('attributes.stated') }} || '|'
                )
            when attributes.counted is null and conditions.comparison = 'at_least'
                then {{ lower_case('attributes.stated') }} >= conditions.value
            when attributes.counted is null and conditions.comparison = 'below'
                then {{ lower_case('attributes.stated') }} < conditions.value
            when conditions.comparison in ('equals', 'not_equals')
                then attributes.counted = try_cast(conditions.value as bigint)
            when conditions.comparison = 'at_least'
                then attributes.counted >= try_cast(conditions.value as bigint)
            when conditions.comparison = 'below'
                then attributes.counted < try_cast(conditions.value as bigint)
        end as is_alike
    from attributes
    inner join conditions
        on conditions.attribute = attributes.attribute
    where attributes.stated is not null or attributes.counted is not null
),

-- for an attribute with several values, equals needs one of them and not_equals needs none of them
met as (
    select customer_id, segment
    from compared
    group by customer_id, segment, attribute, comparison, value
    having bool_or(is_alike) = (comparison <> 'not_equals')
),

met_by_segment as (
    select customer_id, segment, count(*) as condition_count
    from met
    group by customer_id, segment
)

select met_by_segment.customer_id, met_by_segment.segment
from met_by_segment
inner join conditions_by_segment
    on
        conditions_by_segment.segment = met_by_segment.segment
        and conditions_by_segment.condition_count = met_by_segment.condition_count
