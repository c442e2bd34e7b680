{#-
    Which name comes some time after which. A step called `to` follows one called `from` somewhere in an instance exactly
    if its first `from` comes before its last `to`: two numbers per instance and name are compared instead of every two
    steps, so that an instance of any length costs the square of its names.
-#}
with
{% for step_type in step_types() %}
{{ step_type }}_visits as (
    select
        names.{{ step_type }}_number as name_number,
        linked.instance_number,
        min(linked.step_number) as first_step_number,
        max(linked.step_number) as last_step_number
    from {{ ref('int_numbered_step_pairs') }} as linked
    inner join {{ ref('int_step_names') }} as names
        on names.name_number = linked.name_number
    group by names.{{ step_type }}_number, linked.instance_number
),

{{ step_type }}_names as (
    select names.{{ step_type }}_number as name_number, names.journey_id, names.{{ step_type }} as name
    from {{ ref('int_step_names') }} as names
    group by names.{{ step_type }}_number, names.journey_id, names.{{ step_type }}
),

{{ step_type }}_counts as (
    select name_number, count(*) as instance_count
    from {{ step_type }}_visits
    group by name_number
),

{{ step_type }}_pairs as (
    select
        from_visits.name_number as from_number,
        to_visits.name_number as to_number,
        count(*) as instance_count
    from {{ step_type }}_visits as from_visits
    inner join {{ step_type }}_visits as to_visits
        on
            to_visits.instance_number = from_visits.instance_number
            and to_visits.last_step_number > from_visits.first_step_number
    group by from_visits.name_number, to_visits.name_number
),

{{ step_type }}_follows as (
    select
        from_names.journey_id,
        '{{ step_type }}' as step_type,
        from_names.name as from_name,
        to_names.name as to_name,
        pairs.instance_count,
        counts.instance_count as from_instance_count
    from {{ step_type }}_pairs as pairs
    inner join {{ step_type }}_counts as counts
        on counts.name_number = pairs.from_number
    inner join {{ step_type }}_names as from_names
        on from_names.name_number = pairs.from_number
    inner join {{ step_type }}_names as to_names
        on to_names.name_number = pairs.to_number
),
{% endfor %}
follows as (
    {% for step_type in step_types() -%}
    select * from {{ step_type }}_follows
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

select
    journey_id,
    step_type,
    from_name,
    to_name,
    cast(instance_count as bigint) as instance_count,
    cast(from_instance_count as bigint) as from_instance_count,
    cast(instance_count as double) / from_instance_count as from_share
from follows
