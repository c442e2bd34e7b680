{#- The chain of channels of each conversion type and period, solved: docs/attribution.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.attribution.chains.channel_solutions'}},
) }}

{{ argument('transitions') }}
select conversion_type, period_start, customer_group, step_kind, from_channel, to_channel, step_count
from {{ ref('int_path_transitions') }}
order by
    conversion_type,
    period_start,
    customer_group,
    step_kind,
    from_channel nulls first,
    to_channel nulls first;
