{#- Events of which a version was added, withdrawn or changed. -#}
select distinct event_id from ({{ changed_keys(ref('int_event_versions'), 'event_id') }}) as changed
