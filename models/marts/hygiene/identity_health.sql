{#-
    Whether customers can be trusted to be one person each. One figure per row, so that a new question is a new row. The
    release step adds the churn of ids, because it alone knows what was published before.
-#}
with refused_links as (
    select coalesce(refused_because, 'none') as refused_because, count(distinct link_key) as link_count
    from {{ ref('fct_identifier_links') }}
    where status = 'refused'
    group by refused_because
),

identified_events as (
    select
        case when grouping(source_system) = 1 then '(all)' else source_system end as source_system,
        avg(case when is_identified then 1 else 0 end) as identified_share
    from {{ ref('fct_events') }}
    group by rollup(source_system)
)

select measure, dimension, dimension_value, value from {{ ref('int_customer_figures') }}
union all
select measure, dimension, dimension_value, value from {{ ref('int_link_figures') }}
union all
select measure, dimension, dimension_value, value from {{ ref('int_identifier_figures') }}
union all
select measure, dimension, dimension_value, value from {{ ref('int_event_figures') }}
union all
select 'links_refused', 'reason', refused_because, cast(link_count as double)
from refused_links
union all
select 'identified_event_share', 'source_system', source_system, identified_share
from identified_events
where identified_share is not null
union all
select 'decisions', 'decision and outcome', decision || ' ' || outcome, cast(count(*) as double)
from {{ ref('identity_decision_outcomes') }}
group by decision, outcome
union all
select 'pairs_to_review', 'total', '(all)', cast(count(*) as double)
from {{ ref('identity_review') }}
