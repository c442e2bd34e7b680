{#- Intervals that changed, and every open interval: the norm that they are compared with may have changed. -#}
select interval_id from ({{ changed_keys(ref('int_phase_intervals'), 'interval_id') }}) as changed
union
select interval_id from {{ ref('int_phase_intervals') }} where outcome = 'pending'
