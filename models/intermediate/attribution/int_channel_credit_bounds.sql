{#- The intervals of channels' credits: docs/attribution.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.attribution.credits.credit_bounds'}},
) }}

{{ argument('credits') }}
select conversion_type, rule, period_start, channel, customer_group, share_units, credited_value
from {{ ref('int_channel_credits') }}
order by conversion_type, rule, period_start, channel, customer_group;

{{ argument('paths') }}
select conversion_type, rule, period_start, customer_group, channels, conversion_count, credited_value
from {{ ref('int_markov_paths') }}
order by conversion_type, rule, period_start, customer_group, channels;

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
