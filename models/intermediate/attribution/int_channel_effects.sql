{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'effect_key',
        'from': {
            'int_channel_solutions': 'all',
        },
    }},
) }}

{#- The removal effects by which conversions of a month are shared; a list of those that changed is kept next to it. -#}
select
    conversion_type || '/' || cast(period_start as {{ dbt.type_string() }}) as effect_key,
    channel,
    removal_effect
from {{ ref('int_channel_solutions') }}
where period = 'month'
