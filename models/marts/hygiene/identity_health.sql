{#-
    Is who is who to be trusted? One figure per row, so that a new question is a new row. Churn of ids is told by the
    release step, which alone knows what was published before.
-#}
with customers as (
    select
        owner_id as customer_id,
        count(*) as identifier_count
    from {{ ref('int_identifier_owners') }}
    where identifier_kind = 'person'
    group by owner_id
),

links_by_customer as (
    select
        links.customer_id,
        count(*) as link_count,
        count_if(bridges.link_key is not null) as bridge_count
    from {{ ref('int_accepted_links') }} as links
    left join {{ ref('int_bridge_links') }} as bridges
        on bridges.link_key = links.link_key
    group by links.customer_id
),

customers_with_links as (
    select
        customers.customer_id,
        customers.identifier_count,
        coalesce(links_by_customer.link_count, 0) as link_count,
        coalesce(links_by_customer.bridge_count, 0) as bridge_count,
        row_number() over (order by customers.identifier_count desc, customers.customer_id) as size_rank
    from customers
    left join links_by_customer
        on links_by_customer.customer_id = customers.customer_id
),

sizes as (
    select
        'customers_by_size' as measure,
        'identifier_count' as dimension,
        case
            when identifier_count = 1 then '1'
            when identifier_count = 2 then '2'
            when identifier_count <= 5 then '3 to 5'
            when identifier_count <= 10 then '6 to 10'
            when identifier_count <= 20 then '11 to 20'
            when identifier_count <= 50 then '21 to 50'
            when identifier_count <= 100 then '51 to 100'
            else 'over 100'
        end as dimension_value,
        cast(count(*) as double) as value
    from customers
    group by all
),

largest as (
    select 'largest_customer_identifiers' as measure, customer_id, cast(identifier_count as double) as value
    from customers_with_links
    where size_rank <= 10
    union all
    -- links that are there of those that could be: a large customer of low density hangs together by little
    select
        'largest_customer_density',
        customer_id,
        link_count * 2.0 / nullif(cast(identifier_count as double) * (identifier_count - 1), 0)
    from customers_with_links
    where size_rank <= 10
    union all
    select 'largest_customer_bridges', customer_id, cast(bridge_count as double)
    from customers_with_links
    where size_rank <= 10
),

totals as (
    select 'customers' as measure, cast(count(*) as double) as value from customers
    union all
    select 'oversized_customers', cast(count(*) as double)
    from customers
    where identifier_count > {{ var('max_identifiers_per_customer') }}
    union all
    select 'identifiers_of_people', cast(coalesce(sum(identifier_count), 0) as double) from customers
    union all
    select 'links_taken', cast(coalesce(sum(link_count), 0) as double) from customers_with_links
    union all
    -- splits a customer into two parts of more than one identifier each
    select 'bridges', cast(coalesce(sum(bridge_count), 0) as double) from customers_with_links
    union all
    -- splits one identifier off
    select 'links_to_one_identifier', cast(count(*) as double)
    from {{ ref('int_accepted_links') }}
    where link_count_a = 1 or link_count_b = 1
    union all
    select 'links_by_match', cast(count(*) as double)
    from {{ ref('int_trusted_links') }} as links
    left join {{ ref('int_resolved_links') }} as assessed
        on assessed.link_key = links.link_key
    where links.link_basis = 'fuzzy' and assessed.refused_because is null
    union all
    select 'pairs_to_review', cast(count(*) as double) from {{ ref('identity_review') }}
    union all
    select 'cannot_link_pairs', cast(count(*) as double) from {{ ref('int_cannot_link_pairs') }}
    union all
    -- a letter that only looks like another makes another address: it links nobody, and may be meant to deceive
    select 'record_addresses_with_look_alikes', cast(count(*) as double)
    from {{ ref('int_people_versions') }}
    where
        is_current
        and {{ first_match('email_normalised', '\\p{Latin}') }} is not null
        and {{ first_match('email_normalised', '[\\p{Cyrillic}\\p{Greek}\\x{FF01}-\\x{FF5E}]') }} is not null
    union all
    select 'shared_visitors', cast(count(*) as double)
    from (
        select visitor_id
        from {{ ref('int_event_identities') }}
        where visitor_id is not null and person_id is not null
        group by visitor_id
        having count(distinct person_id) > 1
    ) as visitors
    union all
    -- they carry more identifiers than one person would, and link none of them
    select 'events_with_too_many_identifiers', cast(count(distinct event_id) as double)
    from {{ ref('int_event_identifiers') }}
    where is_current and identifier_count > {{ var('max_identifiers_per_record') }}
),

refused_links as (
    select
        'links_refused' as measure,
        'guard' as dimension,
        coalesce(links.refused_because, 'none') as dimension_value,
        cast(count(distinct links.link_key) as double) as value
    from {{ ref('fct_identifier_links') }} as links
    where links.status = 'refused'
    group by links.refused_because
    union all
    -- alike enough to be one person, and kept back by a guard of matching.toml, or by what else they match
    select 'matches_refused', 'guard', refused_by, cast(count(*) as double)
    from {{ ref('int_record_pairs') }}
    where refused_by is not null
    group by refused_by
),

values_by_type as (
    select 'identifiers' as measure, identifier_type, cast(count(*) as double) as value
    from {{ ref('int_identifier_trust') }}
    group by identifier_type
    union all
    select 'values_blocked', identifier_type, cast(count(*) as double)
    from {{ ref('int_identifier_trust') }}
    where is_blocked
    group by identifier_type
    union all
    select 'values_over_cap', identifier_type, cast(count(*) as double)
    from {{ ref('int_identifier_trust') }}
    where is_over_cap and not is_blocked
    group by identifier_type
    union all
    select 'most_people_on_a_value', identifier_type, cast(max(person_count) as double)
    from {{ ref('int_identifier_trust') }}
    where identifier_kind = 'person'
    group by identifier_type
),

identified_events as (
    select
        'identified_event_share' as measure,
        case when grouping(source_system) = 1 then '(all)' else source_system end as source_system,
        avg(case when is_identified then 1.0 else 0.0 end) as value
    from {{ ref('fct_events') }}
    group by grouping sets ((source_system), ())
),

-- empty, malformed, too long: what is no identifier
unusable_values as (
    select
        'values_unusable' as measure,
        identifier_type || ' ' || unusable_because as dimension_value,
        cast(count(*) as double) as value
    from {{ ref('int_unusable_identifiers') }}
    group by identifier_type, unusable_because
),

decisions as (
    select
        'decisions' as measure,
        decision || ' ' || outcome as dimension_value,
        cast(count(*) as double) as value
    from {{ ref('identity_decision_outcomes') }}
    group by decision, outcome
)

select measure, dimension, dimension_value, value from sizes
union all
select measure, 'customer_id', customer_id, value from largest
union all
select measure, 'total', '(all)', value from totals
union all
select measure, dimension, dimension_value, value from refused_links
union all
select measure, 'identifier_type', identifier_type, value from values_by_type
union all
select measure, 'type and reason', dimension_value, value from unusable_values
union all
select measure, 'source_system', source_system, value from identified_events where value is not null
union all
select measure, 'decision and outcome', dimension_value, value from decisions
