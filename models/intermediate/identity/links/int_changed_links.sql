{#- Links both of whose ends occur on a row that changed, as they were after the last build and as they are now. -#}
{%- set identifiers_changed = ref('int_changed_identifiers') %}
{%- set previous = as_left_by_last_build('intermediate', 'int_identifier_links') %}
{% if previous is none %}
select cast(null as {{ dbt.type_string() }}) as link_key
where false
{% else %}
select distinct links.link_key
from {{ previous }} as links
inner join {{ identifiers_changed }} as changed_a
    on changed_a.identifier_hash = links.identifier_a
inner join {{ identifiers_changed }} as changed_b
    on changed_b.identifier_hash = links.identifier_b
{% endif %}
