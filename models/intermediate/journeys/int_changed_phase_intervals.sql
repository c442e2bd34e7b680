{#- Stays that changed, and every stay still open: the norm that they are held against may have moved. -#}
select interval_id from ({{ changed_keys(ref('int_phase_intervals'), 'interval_id') }}) as changed
union
select interval_id from {{ ref('int_phase_intervals') }} where outcome = 'pending'
