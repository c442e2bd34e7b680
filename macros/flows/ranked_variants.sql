{#-
    The paths that instances took, the most frequent first, at each naming of steps, per journey and, if a column of
    the instances is given, per value of it. Paths are told apart whole, by a key; only those that are published are
    written out, and of a long one the first names, so that an instance of any length costs what its steps cost.
-#}
{% macro ranked_variants(cut=none) -%}
{%- set keys = ['journey_id'] + ([cut] if cut else []) -%}
{%- set groups = (keys + ['step_type']) | join(', ') -%}
with step_keys as (
    select
        linked.instance_number,
        {% for step_type in step_types() -%}
        {{ path_key('names.' ~ step_type ~ '_number', 'linked.step_number') }} as {{ step_type }}_key,
        {% endfor -%}
        count(*) as step_count,
        {{ seconds_between('min(linked.occurred_at)', 'max(linked.occurred_at)') }} as seconds
    from {{ ref('int_numbered_step_pairs') }} as linked
    inner join {{ ref('int_step_names') }} as names
        on names.name_number = linked.name_number
    group by linked.instance_number
),

instances as (
    select
        {% for key in keys -%}
        numbered.{{ key }},
        {% endfor -%}
        numbered.customer_number,
        numbered.outcome,
        step_keys.*
    from step_keys
    inner join {{ ref('int_instance_numbers') }} as numbered
        on numbered.instance_number = step_keys.instance_number
),

paths_taken as (
    {% for step_type in step_types() -%}
    select
        {{ keys | join(', ') }},
        '{{ step_type }}' as step_type,
        {{ step_type }}_key as path_key,
        instance_number,
        customer_number,
        outcome,
        step_count,
        seconds
    from instances
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

paths as (
    select
        {{ groups }},
        path_key,
        min(step_count) as step_count,
        min(instance_number) as instance_number,
        count(*) as instance_count
    from paths_taken
    group by {{ groups }}, path_key
),

-- a few more than are published, for the last places are shared until the names are known
paths_with_place as (
    select
        paths.*,
        rank() over (partition by {{ groups }} order by instance_count desc, step_count) as place
    from paths
),

named_paths as (
    select
        {% for key in keys + ['step_type', 'path_key', 'step_count', 'instance_number', 'instance_count'] -%}
        paths_with_place.{{ key }},
        {% endfor -%}
        {{ ordered_path(
            'case paths_with_place.step_type'
            ~ " when 'phase' then names.phase when 'channel' then names.channel"
            ~ " when 'touchpoint' then names.touchpoint else names.event end",
            'linked.step_number'
        ) }} as names
    from paths_with_place
    inner join {{ ref('int_numbered_step_pairs') }} as linked
        on
            linked.instance_number = paths_with_place.instance_number
            and linked.step_number <= {{ var('max_variant_names') }}
    inner join {{ ref('int_step_names') }} as names
        on names.name_number = linked.name_number
    where paths_with_place.place <= {{ var('max_variants') }}
    group by
        {% for key in keys + ['step_type', 'path_key', 'step_count', 'instance_number', 'instance_count'] -%}
        paths_with_place.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}
),

ranked_paths as (
    select
        {{ groups }},
        path_key,
        step_count,
        names || case when step_count > {{ var('max_variant_names') }} then ' > …' else '' end as variant,
        row_number() over (
            partition by {{ groups }} order by instance_count desc, step_count, names, instance_number
        ) as variant_rank
    from named_paths
),

published_paths as (
    select * from ranked_paths where variant_rank <= {{ var('max_variants') }}
),

paths_taken_with_variant as (
    select
        {% for key in keys + ['step_type', 'path_key', 'customer_number', 'outcome', 'seconds'] -%}
        paths_taken.{{ key }},
        {% endfor -%}
        published_paths.step_count,
        coalesce(published_paths.variant, '(other)') as variant,
        coalesce(published_paths.variant_rank, {{ var('max_variants') }} + 1) as variant_rank
    from paths_taken
    left join published_paths
        on
            {% for key in keys -%}
            published_paths.{{ key }} = paths_taken.{{ key }} and
            {% endfor -%}
            published_paths.step_type = paths_taken.step_type
            and published_paths.path_key = paths_taken.path_key
)

select
    {{ keys | join(',\n    ') }},
    step_type,
    variant,
    cast(variant_rank as bigint) as variant_rank,
    cast(step_count as bigint) as step_count,
    cast(count(distinct path_key) as bigint) as path_count,
    cast(count(*) as bigint) as instance_count,
    cast(count(distinct customer_number) as bigint) as customer_count,
    cast(count_if(outcome = 'completed') as bigint) as completed_count,
    cast(count_if(outcome = 'fell_out') as bigint) as fell_out_count,
    cast(count(*) as double) / sum(count(*)) over (partition by {{ groups }}) as instance_share,
    cast(percentile_disc(0.5) within group (order by seconds) as bigint) as median_seconds,
    coalesce(step_count > {{ var('max_variant_names') }}, false) as is_shortened,
    variant_rank > {{ var('max_variants') }} as is_rest
from paths_taken_with_variant
group by {{ groups }}, variant, variant_rank, step_count
{%- endmacro %}
