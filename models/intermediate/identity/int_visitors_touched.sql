{#- Visitors with an event that came, went, or now names another person. -#}
select distinct visitor_id from ({{ changed_keys(ref('int_events_identified'), 'visitor_id') }}) as changed
