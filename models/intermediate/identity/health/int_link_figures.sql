{{ config(materialized='ephemeral') }}

{#- How many links join people, how many of them a customer depends on, and how many links and cannot-links matching added. -#}
select
    'links_accepted' as measure,
    'total' as dimension,
    '(all)' as dimension_value,
    cast(count(*) as double) as value
from {{ ref('int_accepted_links') }}
union all
-- splits a customer into two parts of more than one identifier each
select 'bridges', 'total', '(all)', cast(count(*) as double)
from {{ ref('int_bridge_links') }}
union all
-- splits one identifier off
select 'links_to_one_identifier', 'total', '(all)', cast(count(*) as double)
from {{ ref('int_accepted_links') }}
where link_count_a = 1 or link_count_b = 1
union all
select 'links_by_match', 'total', '(all)', cast(count(*) as double)
from {{ ref('int_trusted_links') }} as links
left join {{ ref('int_resolved_links') }} as resolved_links
    on resolved_links.link_key = links.link_key
where links.link_basis = 'fuzzy' and resolved_links.refused_because is null
union all
-- similar enough to be one person, and refused by a guard of matching.toml or by other matches
select 'matches_refused', 'guard', refused_by, cast(count(*) as double)
from {{ ref('int_record_pairs') }}
where refused_by is not null
group by refused_by
union all
select 'cannot_link_pairs', 'total', '(all)', cast(count(*) as double)
from {{ ref('int_cannot_link_pairs') }}
